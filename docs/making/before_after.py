#!/usr/bin/env python3
"""Draw docs/pictures/fine_tuning.png: labels of another font, before and after fine-tuning.

It shows labels that were judged wrongly before and are judged rightly after; others went the other
way, which the figures that the benchmark prints count.

python benchmarks/fine_tuning.py --output runs/fine_tuning
python docs/making/before_after.py runs/fine_tuning
"""

import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from scratch_d2 import Inspection, Inspector

TARGET = Path(__file__).resolve().parents[1] / "pictures/fine_tuning.png"
WIDTH, GAP, TITLE, COLOURS = 420, 10, 34, 96
# Kind of label, and how many of them.
SHOWN = (("bad", 2), ("good", 1))


def main(folder: Path) -> None:
    before = Inspector.from_pretrained(engine="embedded")
    config, gate = folder / "tuned/detector/config.yaml", folder / "tuned/gate/model_best.pth"
    after = Inspector.load(config, ["GATE.WEIGHTS", str(gate)], engine="embedded")
    columns = []
    for kind, count in SHOWN:
        files = sorted((folder / "labels/test" / kind).iterdir())
        pairs = [pair for pair in zip(before(files), after(files)) if corrected(pair, kind)]
        pairs.sort(key=lambda pair: -abs(pair[0].p_bad - pair[1].p_bad))
        columns += [[draw(each) for each in pair] for pair in pairs[:count]]
    rows = [stack_row(title, row) for title, row in zip(("before", "after"), zip(*columns))]
    picture = Image.fromarray(np.vstack(rows)).quantize(COLOURS, dither=Image.Dither.NONE)
    picture.save(TARGET, optimize=True)
    print(f"{TARGET}: {TARGET.stat().st_size // 1000} kB")


def corrected(pair: tuple[Inspection, Inspection], kind: str) -> bool:
    """Whether the verdict was wrong before and is right after."""
    return pair[0].label != kind and pair[1].label == kind


def draw(inspection: Inspection) -> np.ndarray:
    picture = inspection.plot()
    size = (WIDTH, round(picture.shape[0] * WIDTH / picture.shape[1]))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def stack_row(title: str, pictures: tuple[np.ndarray, ...]) -> np.ndarray:
    """Put pictures side by side below a title, HxWx3 uint8."""
    height = TITLE + max(picture.shape[0] for picture in pictures) + GAP
    row = np.full((height, (WIDTH + GAP) * len(pictures) - GAP, 3), 255, np.uint8)
    cv2.putText(row, title, (4, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (30, 30, 30), 2, cv2.LINE_AA)
    for place, picture in enumerate(pictures):
        left = place * (WIDTH + GAP)
        row[TITLE : TITLE + picture.shape[0], left : left + WIDTH] = picture
    return row


if __name__ == "__main__":
    main(Path(sys.argv[1]))
