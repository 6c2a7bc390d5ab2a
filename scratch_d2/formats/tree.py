"""Write a folder of good/, bad/, masks/, boxes.csv and images.csv, whole or not at all."""

import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from scratch_d2.data.boxes_file import write_boxes
from scratch_d2.data.images_file import ImageLabels, write_image_labels
from scratch_d2.data.pairing import MASK_AFFIXES, MASK_WORD, MASKS
from scratch_d2.formats.values import Box
from scratch_d2.utils.files import PART
from scratch_d2.utils.opencv import cv2


@dataclass
class DatasetTree:
    """A dataset folder that is being written, hidden beside its place until `finish`.

    Attributes:
        out: where the folder will be; raises FileExistsError if something is there.
        linked, copied: how many images are hard links, or copies because links are not possible.
    """

    out: Path
    linked: int = 0
    copied: int = 0
    _boxes: dict[str, Sequence[Box]] = field(default_factory=dict)
    _kinds: dict[str, ImageLabels] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        prepare_empty(self.out)
        self.part = self.out.absolute().with_name(f".{self.out.absolute().name}{PART}")
        shutil.rmtree(self.part, ignore_errors=True)  # of an import that was killed
        self.part.mkdir(parents=True)

    def add(
        self,
        source: Path | bytes,
        name: PurePosixPath,
        verdict: str,
        mask: np.ndarray | None = None,
        boxes: Sequence[Box] = (),
        kind: str = "",
    ) -> str:
        """Add an image; returns its place, such as "bad/2024/a.png".

        The bytes stay as they are. A name that is taken, or that would be read as that of a mask,
        gets a number or the word "photo".

        Args:
            source: the file, or its bytes.
            name: path below good/ or bad/ that is asked for.
            mask: HxW bool, the scratches of a Bad image.
            boxes: around scratches that are not in the mask.
            kind: of the defect, for images.csv.
        """
        name = self._free_name(name)
        place = PurePosixPath(verdict, name)
        self._write_image(source, self.part / place)
        if mask is not None:
            path = self.part / MASKS / name.with_suffix(".png")
            path.parent.mkdir(parents=True, exist_ok=True)
            _, packed = cv2.imencode(".png", mask.astype(np.uint8) * 255)
            path.write_bytes(packed.tobytes())
        if boxes:
            self._boxes[str(place)] = boxes
        if kind:
            self._kinds[str(place)] = ImageLabels(kind)
        return str(place)

    def _free_name(self, wanted: PurePosixPath) -> PurePosixPath:
        """Return a name whose stem no other image has, neither in good/ nor in bad/."""
        folders = [_plain_folder(part) for part in wanted.parts[:-1]]
        stem = wanted.stem.lstrip(".") or "image"
        if MASK_AFFIXES.sub("", stem) != stem:
            stem += "_photo"
        name, number = PurePosixPath(*folders, stem + wanted.suffix), 1
        while str(name.with_suffix("")).casefold() in self._taken:
            number += 1
            name = PurePosixPath(*folders, f"{stem}-{number}{wanted.suffix}")
        self._taken.add(str(name.with_suffix("")).casefold())
        return name

    def _write_image(self, source: Path | bytes, path: Path) -> None:
        if isinstance(source, bytes):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source)
            self.copied += 1
        elif link_or_copy(source, path):
            self.linked += 1
        else:
            self.copied += 1

    def finish(self, write_more: Callable[[Path], object]) -> Path:
        """Write the tables and what `write_more` writes, and move the folder to its place.

        images.csv is written if there is more than one kind.
        """
        if self._boxes:
            write_boxes(self._boxes, self.part)
        if len(set(self._kinds.values())) > 1:
            write_image_labels(self._kinds, self.part)
        write_more(self.part)
        if self.out.is_dir():
            self.out.rmdir()
        self.part.rename(self.out)
        return self.out

    def discard(self) -> None:
        """Remove what was written, if it is not finished."""
        shutil.rmtree(self.part, ignore_errors=True)


def link_or_copy(source: Path, path: Path) -> bool:
    """Make a hard link to a file, or a copy if that is not possible; returns whether a link.

    Folders are made. Raises OSError if the file cannot be read.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source.resolve() if source.is_symlink() else source, path)
        return True
    except OSError:  # another disk, or a file system without links
        shutil.copyfile(source, path)
        return False


def _plain_folder(name: str) -> str:
    """Return a folder's name that is neither hidden nor read as one of masks."""
    is_odd = name.startswith(".") or re.fullmatch(MASK_WORD, name, re.IGNORECASE)
    return f"images_{name.lstrip('.')}" if is_odd else name


def prepare_empty(out: Path) -> None:
    """Raise FileExistsError unless a folder is new or empty."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"out {str(out)!r} is not empty; accepted is a new or empty folder")
