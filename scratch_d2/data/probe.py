"""Look at every file of a dataset once: size, damage, hashes, and the scratches a mask marks.

The facts are cached by file size and modification time, so that a second look costs nothing.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from scratch_d2.data.duplicates import perceptual_hash
from scratch_d2.data.images import ImageError, read_image
from scratch_d2.data.masks import mask_to_box, mask_to_polygons, read_mask, split_regions
from scratch_d2.runs import write_atomically

CACHE_VERSION = 2


class Region(NamedTuple):
    """One connected scratch of a mask, in pixels of the image.

    `box` is [x0, y0, x1, y1], x1 and y1 exclusive; `polygons` run along the pixel edges.
    """

    box: list[int]
    polygons: list[list[int]]


class FileFacts(NamedTuple):
    """What a file holds.

    `error` is "" where it could be read. Masks have regions, images have hashes, both in hex:
    `sha256` of the file's bytes, `phash` of what is to be seen in it.
    """

    width: int
    height: int
    error: str
    regions: tuple[Region, ...] = ()
    sha256: str = ""
    phash: str = ""


def probe_image(path: Path) -> FileFacts:
    """Decode an image whole, so that damage anywhere in it is found, and hash it."""
    image = read_image(path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    height, width = image.shape[:2]
    return FileFacts(width, height, "", (), sha256, perceptual_hash(image))


def probe_mask(path: Path, threshold: int) -> FileFacts:
    """Read a mask and trace its connected regions."""
    mask = read_mask(path, threshold)
    regions = tuple(Region(mask_to_box(r), mask_to_polygons(r)) for r in split_regions(mask))
    return FileFacts(mask.shape[1], mask.shape[0], "", regions)


def probe_files(
    root: Path, images: Sequence[Path], masks: Sequence[Path], threshold: int
) -> dict[Path, FileFacts]:
    """Return the facts of every file of a dataset folder, from cache where it is unchanged."""
    cache_file = (
        _cache_folder() / f"{hashlib.sha256(str(root.resolve()).encode()).hexdigest()}.json"
    )
    known = _read_cache(cache_file)
    entries: dict[str, list[Any]] = {}
    facts: dict[Path, FileFacts] = {}

    def look(path: Path, kind: str, probe: Callable[[Path], FileFacts]) -> None:
        stat = path.stat()
        stamp = [kind, stat.st_size, stat.st_mtime_ns]
        entry = known.get(str(path))
        if entry is None or entry[:3] != stamp:
            try:
                entry = [*stamp, *probe(path)]
            except (ImageError, OSError) as error:
                entry = [*stamp, *FileFacts(0, 0, str(error))]
        entries[str(path)] = entry
        fact = FileFacts(*entry[3:])
        facts[path] = fact._replace(regions=tuple(Region(*r) for r in fact.regions))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(look, path, "image", probe_image) for path in images]
        kind = f"mask>{threshold}"
        jobs += [pool.submit(look, p, kind, lambda q: probe_mask(q, threshold)) for p in masks]
        for job in jobs:
            job.result()
    if entries != known:
        _write_cache(cache_file, entries)
    return facts


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("SCRATCH_D2_CACHE") or Path(base) / "scratch_d2")


def _read_cache(file: Path) -> dict[str, list[Any]]:
    try:
        content = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content["files"] if content.get("version") == CACHE_VERSION else {}


def _write_cache(file: Path, entries: dict[str, list[Any]]) -> None:
    """Write the cache whole or not at all; without a writable place there is simply none."""
    content = {"version": CACHE_VERSION, "files": entries}
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(json.dumps(content, separators=(",", ":")), file)
