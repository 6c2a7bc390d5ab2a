"""Look at photographs: their embeddings, hashes, and which show the same label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from scratch_d2.data.duplicates import DISTANCE, perceptual_hash
from scratch_d2.data.groups import BURST_GAP, find_groups, time_of
from scratch_d2.data.images import read_batches
from scratch_d2.evaluation.leaks import Images, find_leaks
from scratch_d2.utils.files import file_sha256
from scratch_d2.utils.progress import Progress

BATCH = 32


class Embedder(Protocol):
    """Returns embeddings [N, C] float32 of length 1 of images HxWx3 uint8 RGB, as `Gate` does."""

    def embed(self, images: list[np.ndarray]) -> np.ndarray: ...


@dataclass(frozen=True, eq=False)
class Photographs:
    """What was seen of N files.

    Attributes:
        readable: [M] int, indices of the files that could be read.
        embeddings: [M, C] float32 of length 1.
        hashes: [M], perceptual hashes.
        errors: a sentence on each of the others.
    """

    readable: np.ndarray
    embeddings: np.ndarray
    hashes: list[str]
    errors: list[str]


def look_at(files: Sequence[Path], gate: Embedder, white: float = 0.0) -> Photographs:
    """Read photographs and embed them, batch by batch, and say how far it is.

    Args:
        white: as SCRATCH.WHITE_LEVEL has it.
    """
    readable: list[int] = []
    errors: list[str] = []
    hashes: list[str] = []
    embeddings = []
    start = 0
    with Progress("reading", len(files)) as progress:
        for batch in read_batches(files, BATCH, white):
            images = []
            for index, (_, image, error) in enumerate(batch, start):
                if image is None:
                    errors.append(error)
                    continue
                readable.append(index)
                images.append(image)
            hashes += map(perceptual_hash, images)
            embeddings.append(gate.embed(images))
            start += len(batch)
            progress.update(len(batch))
    joined = np.concatenate(embeddings) if embeddings else np.zeros((0, 1), np.float32)
    return Photographs(np.array(readable, int), joined, hashes, errors)


def group_photographs(files: Sequence[Path], hashes: Sequence[str]) -> list[str]:
    """Return the group of each of N photographs: shots of one burst, and near-duplicates.

    Names without a time say nothing across folders, where many begin at 0001.
    """
    unlike = [path if time_of(path) else Path("-".join(path.parts)) for path in files]
    groups = find_groups(unlike, hashes)
    return [groups[path] for path in unlike]


def are_labelled(files: Sequence[Path], hashes: Sequence[str], labelled: Images) -> np.ndarray:
    """Return [N] bool: which photographs show a label that one of the labelled ones shows.

    These are equal files, near-duplicates, and shots of one burst by the times in their names.

    Args:
        labelled: sha256, phash and file of each.
    """
    dicts = [
        {"file_name": str(path), "sha256": file_sha256(path), "phash": phash}
        for path, phash in zip(files, hashes)
    ]
    return find_leaks(dicts, labelled, DISTANCE, BURST_GAP).any_kind
