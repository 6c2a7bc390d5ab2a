"""Look at every file of a dataset once: size, damage, hashes, and the scratches a mask marks.

The facts are cached by size, times and inode of the file, so that a second look costs nothing.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from scratch_d2.data.duplicates import perceptual_hash
from scratch_d2.data.image_error import ImageError
from scratch_d2.data.images import read_image
from scratch_d2.data.mask_files import read_mask_kind
from scratch_d2.structures.masks import mask_to_box, mask_to_polygons, split_regions
from scratch_d2.utils.files import cache_folder, file_stamp, write_atomically
from scratch_d2.utils.progress import track

CACHE_VERSION = 5
TWO_LEVELS = "two levels"  # the kind of an image that may be a mask
MOST_COVERED = 0.5  # of an image; masks of real scratches mark 15% at most
STAMP = 5  # columns of an entry before the facts: the kind of file, and its stamp


class Region(NamedTuple):
    """One connected scratch of a mask, in pixels of the image.

    `box` is [x0, y0, x1, y1], x1 and y1 exclusive; `polygons` run along the pixel edges.
    """

    box: list[int]
    polygons: list[list[int]]


class FileFacts(NamedTuple):
    """What a file holds.

    `error` is "" if it could be read. Images have hashes, both in hex: `sha256` of the file's
    bytes, `phash` of what is to be seen in it; their `kind` is TWO_LEVELS or "". Masks have
    regions, and `kind` and `brightest` of `MaskReading`; `coverage` is the share of the image that
    they mark.
    """

    width: int
    height: int
    error: str
    regions: tuple[Region, ...] = ()
    sha256: str = ""
    phash: str = ""
    kind: str = ""
    brightest: float = 0.0
    coverage: float = 0.0


Probe = Callable[[Path], FileFacts]


def probe_image(path: Path) -> FileFacts:
    """Decode an image whole, so that damage anywhere in it is found, and hash it."""
    image = read_image(path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    height, width = image.shape[:2]
    levels = np.count_nonzero(np.bincount(image[..., 0].ravel(), minlength=256))
    kind = TWO_LEVELS if levels == 2 else ""
    return FileFacts(width, height, "", (), sha256, perceptual_hash(image), kind)


def probe_mask(path: Path, threshold: int) -> FileFacts:
    """Read a mask and trace its connected regions.

    Raises ImageError if it marks more of the image than scratches do.
    """
    mask, kind, brightest = read_mask_kind(path, threshold)
    coverage = float(mask.mean())
    if coverage > MOST_COVERED:
        raise ImageError(
            f"{str(path)!r}: the mask marks {coverage:.0%} of its image ({kind}); accepted is half "
            "of it at most. Is it inverted?"
        )
    regions = tuple(Region(mask_to_box(r), mask_to_polygons(r)) for r in split_regions(mask))
    size = mask.shape[1], mask.shape[0]
    return FileFacts(*size, "", regions, "", "", kind, brightest, coverage)


def probe_files(
    root: Path, images: Sequence[Path], masks: Sequence[Path], threshold: int
) -> dict[Path, FileFacts]:
    """Return the facts of every file of a dataset folder, from cache if it is unchanged."""
    cache_file = cache_folder() / f"{hashlib.sha256(str(root.resolve()).encode()).hexdigest()}.json"
    known = _read_cache(cache_file)
    jobs: dict[Path, Probe] = dict.fromkeys(images, probe_image)
    jobs |= dict.fromkeys(masks, partial(probe_mask, threshold=threshold))
    kinds = dict.fromkeys(images, "image") | dict.fromkeys(masks, f"mask>{threshold}")
    stamps = {path: [kinds[path], *_stamp(path)] for path in jobs}
    entries = {path: known.get(str(path)) or [] for path in jobs}
    new = [path for path in jobs if entries[path][:STAMP] != stamps[path]]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        facts = pool.map(lambda path: _look(path, jobs[path]), new)
        for path, fact in track(zip(new, facts), f"reading {root}", len(new), "file"):
            entries[path] = [*stamps[path], *fact]
    if new or len(entries) != len(known):
        _write_cache(cache_file, {str(path): entry for path, entry in entries.items()})
    return {path: _to_facts(entry) for path, entry in entries.items()}


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        return file_stamp(path.stat())
    except OSError:  # a link to nothing; reading it says so
        return (0,) * (STAMP - 1)


def _look(path: Path, probe: Probe) -> FileFacts:
    try:
        return probe(path)
    except (ImageError, OSError) as error:
        return FileFacts(0, 0, str(error))


def _to_facts(entry: list[Any]) -> FileFacts:
    fact = FileFacts(*entry[STAMP:])
    return fact._replace(regions=tuple(Region(*r) for r in fact.regions)) if fact.regions else fact


def _read_cache(file: Path) -> dict[str, list[Any]]:
    try:
        content = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    current = isinstance(content, dict) and content.get("version") == CACHE_VERSION
    return content.get("files", {}) if current else {}


def _write_cache(file: Path, entries: dict[str, list[Any]]) -> None:
    """Write the cache whole or not at all; without a writable place there is simply none."""
    content = {"version": CACHE_VERSION, "files": entries}
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(json.dumps(content, separators=(",", ":")), file)
