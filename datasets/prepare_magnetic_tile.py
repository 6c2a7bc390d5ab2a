#!/usr/bin/env python3
"""Lay the magnetic tile set out as good/, bad/, masks/ and images.csv.

    datasets/prepare_magnetic_tile.py DOWNLOAD --output datasets/magnetic_tile

DOWNLOAD is a copy of github.com/abin24/Magnetic-tile-defect-datasets. (Huang, Qiu and Yuan,
"Surface defect saliency of magnetic tile", 2020; cite it if you use the set.) Defects
are of the kinds blowhole, break, crack, fray and uneven. images.csv names the kind of each image
and its group. Each place of a tile was photographed in six exposures, one after the other. Their
numbers follow each other, so photographs with near numbers are one group, which a split keeps
together.

Exit codes: 0 done; 2 usage, or a partial download without --partial; 3 done, but some photographs
are left out or lack their mask.
"""

import argparse
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from scratch_d2.cli.common import command_parser, run
from scratch_d2.data.images import try_read
from scratch_d2.data.images_file import ImageLabels, write_image_labels

# Photographs in each folder of the whole set.
EXPECTED = {"Blowhole": 115, "Break": 85, "Crack": 57, "Fray": 32, "Free": 952, "Uneven": 103}
GOOD = "Free"
# Largest difference of two numbers of one place. 99.5% of the exposures of one place are nearer;
# some neighbouring places become one group.
GAP = 200
NUMBER = re.compile(r"exp\d+_num_(\d+)$")
DONE, INCOMPLETE = 0, 3


class Tile(NamedTuple):
    """A photograph of the download, its kind of defect as the set names it, and its number."""

    path: Path
    kind: str
    number: int

    @property
    def target(self) -> str:
        """Its file in the prepared folder, such as "bad/crack/exp1_num_3191.jpg"."""
        folder = "good" if self.kind == GOOD else f"bad/{self.kind.lower()}"
        return f"{folder}/{self.path.name}"


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("prepare_magnetic_tile", __doc__)
    parser.add_argument("download", type=Path, metavar="DOWNLOAD", help="folder with MT_Crack/ ...")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="to write")
    parser.add_argument("--partial", action="store_true", help="take what is there of the set")
    return parser.parse_args(argv)


def find_tiles(download: Path) -> list[Tile]:
    """Return the photographs of a download by their numbers.

    Raises FileNotFoundError if it holds none of the set's folders, ValueError for another name.
    """
    folders = {kind: download / f"MT_{kind}" for kind in EXPECTED}
    if not any(folder.is_dir() for folder in folders.values()):
        names = ", ".join(folder.name for folder in folders.values())
        raise FileNotFoundError(f"{str(download)!r} holds none of the folders {names}")
    tiles = []
    for kind, folder in folders.items():
        for path in sorted((folder / "Imgs").glob("*.jpg")):
            match = NUMBER.search(path.stem)
            if match is None:
                raise ValueError(f"{path}: names like exp1_num_3191.jpg are expected")
            tiles.append(Tile(path, kind, int(match[1])))
    return sorted(tiles, key=lambda tile: tile.number)


def what_is_missing(tiles: Sequence[Tile]) -> str:
    """Return which folders hold fewer photographs than those of the whole set, "" if none does."""
    counts = {kind: sum(tile.kind == kind for tile in tiles) for kind in EXPECTED}
    return ", ".join(
        f"MT_{kind}/Imgs holds {counts[kind]} of {expected}"
        for kind, expected in EXPECTED.items()
        if counts[kind] < expected
    )


def group_tiles(tiles: Sequence[Tile], gap: int = GAP) -> dict[Tile, str]:
    """Group photographs, sorted by number, that are at most `gap` after one another."""
    groups: dict[Tile, str] = {}
    name, last = "", None
    for tile in tiles:
        if last is None or tile.number - last > gap:
            name = f"place{tile.number}"
        groups[tile], last = name, tile.number
    return groups


def check_mask(tile: Tile) -> str:
    """Return why the mask of a photograph of a defect cannot be read or used, or ""."""
    mask = tile.path.with_suffix(".png")
    if not mask.is_file():
        return f"{tile.path}: its mask {mask.name} is missing"
    try:
        with Image.open(tile.path) as image, Image.open(mask) as drawn:
            if image.size != drawn.size:
                sizes = [f"{width} x {height}" for width, height in (drawn.size, image.size)]
                return f"{mask}: the mask is {sizes[0]}, its photograph {sizes[1]} pixels"
            drawn.load()
    except Exception as error:  # decoders trip over damage wherever it strikes first
        return f"{mask}: {error}"
    return ""


def marks_nothing(tile: Tile) -> bool:
    """Whether a readable mask marks no pixel, as four of the whole set."""
    with Image.open(tile.path.with_suffix(".png")) as drawn:
        return bool(drawn.convert("L").getextrema()[1] <= 127)


def copy_tile(tile: Tile, output: Path, with_mask: bool) -> None:
    target = output / tile.target
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(tile.path, target)
    if with_mask:
        mask = output / "masks" / Path(tile.target).relative_to("bad").with_suffix(".png")
        mask.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(tile.path.with_suffix(".png"), mask)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    tiles = find_tiles(args.download)
    missing = what_is_missing(tiles)
    if missing and not args.partial:
        raise ValueError(
            f"{str(args.download)!r} is a partial download: {missing}; download the rest, or "
            "take what is there with --partial"
        )
    if args.output.exists() and any(args.output.iterdir()):
        raise FileExistsError(f"{str(args.output)!r} is not empty; choose another --output")
    problems = [f"partial download: {missing}"] if missing else []
    unreadable = {tile: problem for tile in tiles if (problem := try_read(tile.path).error)}
    problems += [f"{problem}; it is left out" for problem in unreadable.values()]
    tiles = [tile for tile in tiles if tile not in unreadable]
    groups, notes = group_tiles(tiles), []
    for tile in tiles:
        is_bad = tile.kind != GOOD
        problem = check_mask(tile) if is_bad else ""
        empty = is_bad and not problem and marks_nothing(tile)
        copy_tile(tile, args.output, with_mask=is_bad and not problem and not empty)
        problems += [f"{problem}; it stays Bad without a mask"] if problem else []
        notes += [f"{tile.path}: the mask marks no pixel; it stays Bad without a mask"] * empty
    labels = {
        tile.target: ImageLabels("" if tile.kind == GOOD else tile.kind.lower(), groups[tile])
        for tile in tiles
    }
    write_image_labels(labels, args.output)
    for problem in notes + problems:
        print(f"note: {problem}", file=sys.stderr)
    bad = sum(tile.kind != GOOD for tile in tiles)
    print(
        f"written: {args.output}, {len(tiles)} photographs in {len(set(groups.values()))} groups, "
        f"{bad} of them Bad"
    )
    return INCOMPLETE if problems else DONE


if __name__ == "__main__":
    run(main)
