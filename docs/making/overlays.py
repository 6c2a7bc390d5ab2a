#!/usr/bin/env python3
"""Draw docs/pictures/overlays.png: labels of datasets/examples, judged by the reference models.

python docs/making/overlays.py
"""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from scratch_d2 import Inspector

ROOT = Path(__file__).resolve().parents[2]
WIDTH, GAP, COLOURS = 620, 8, 64
COLUMNS = (
    ("good/*08_13_03*", "bad/*12_46_31*"),
    ("bad/*08_18_23*", "bad/*09_53_14*"),
)


def main() -> None:
    inspector = Inspector.from_pretrained(engine="embedded")
    columns = [[draw(inspector, pattern) for pattern in column] for column in COLUMNS]
    height = max(sum(image.shape[0] + GAP for image in column) for column in columns)
    page = np.full((height, (WIDTH + GAP) * len(columns) - GAP, 3), 255, np.uint8)
    for place, column in enumerate(columns):
        left, top = place * (WIDTH + GAP), 0
        for image in column:
            page[top : top + image.shape[0], left : left + WIDTH] = image
            top += image.shape[0] + GAP
    # A palette keeps the file small.
    picture = Image.fromarray(page[:-GAP]).quantize(COLOURS, dither=Image.Dither.NONE)
    picture.save(ROOT / "docs/pictures/overlays.png", optimize=True)


def draw(inspector: Inspector, pattern: str) -> np.ndarray:
    (path,) = (ROOT / "datasets/examples").glob(pattern)
    picture = inspector(path).plot()
    size = (WIDTH, round(picture.shape[0] * WIDTH / picture.shape[1]))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


if __name__ == "__main__":
    main()
