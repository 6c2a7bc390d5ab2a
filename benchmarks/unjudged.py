#!/usr/bin/env python3
"""Which images the reference models send to review because they cannot judge them.

    benchmarks/unjudged.py /data/real/good /data/tiles [--limit 200]

Takes folders of photographs, and makes of the first photographs of the first folder what a broken
camera gives: black, white, grey, noise, an eighth of the light.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from scratch_d2 import Inspector
from scratch_d2.cli.common import run
from scratch_d2.data.images import read_image
from scratch_d2.inspection.inputs import find_files
from scratch_d2.utils.tables import format_table

MADE = 40
KINDS: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "black": lambda image, _: np.zeros_like(image),
    "white": lambda image, _: np.full_like(image, 255),
    "grey": lambda image, _: np.full_like(image, 128),
    "noise": lambda image, random: random.integers(0, 256, image.shape, dtype=np.uint8),
    "an eighth of the light": lambda image, _: image // 8,
    "1 x 1 px": lambda image, _: image[:1, :1],
    "1 px high": lambda image, _: image[:1],
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", metavar="FOLDER")
    parser.add_argument("--limit", type=int, default=200, metavar="N", help="of each folder (200)")
    return parser.parse_args()


def photographs(folder: str, limit: int) -> Iterator[np.ndarray]:
    """Read so many photographs of a folder, evenly spread over it."""
    paths = [file.path for file in find_files([folder])]
    for index in np.unique(np.linspace(0, len(paths) - 1, min(limit, len(paths))).astype(int)):
        yield read_image(paths[index])


def count(inspector: Inspector, images: Iterable[np.ndarray]) -> list[str]:
    """Return how many images there are, and how many of them are judged how."""
    labels: Counter[str] = Counter()
    for image in images:
        result = inspector(image)
        unlike = "unlike" if "looks unlike" in result.reason else "unclear"
        labels[unlike if "cannot be judged" in result.reason else result.label] += 1
    counts = [labels[name] for name in ("good", "bad", "unclear", "unlike")]
    return [f"{number:,}" for number in (sum(labels.values()), *counts)]


def main() -> int:
    args = parse_args()
    inspector, random = Inspector.from_pretrained(engine="embedded"), np.random.default_rng(0)
    rows = [[Path(f).name, *count(inspector, photographs(f, args.limit))] for f in args.folders]
    for name, make in KINDS.items():
        first = photographs(args.folders[0], MADE)
        rows.append([name, *count(inspector, (make(image, random) for image in first))])
    titles = ["images", "number", "Good", "Bad", "review: cannot be seen", "review: unlike labels"]
    print(format_table(rows, titles, markdown=True))
    return 0


if __name__ == "__main__":
    run(main)
