#!/usr/bin/env python3
"""How well each way to measure scratch areas tells Bad images from Good ones.

    scratch-d2 evaluate --dataset scratch_synth_val --output runs/val
    benchmarks/areas.py runs/val/inference [DIR ...]

Measures the detections of evaluations again, as a fraction of the image; no model runs. Intervals
are of 95%, drawn over groups.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from scratch_d2.cli.common import run
from scratch_d2.evaluation.images import ImageTable
from scratch_d2.metrics.image_metrics import image_metrics
from scratch_d2.structures import areas
from scratch_d2.structures.prediction import Prediction
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.utils.tables import format_table

POWERS = (1, 2, 3, 4, 6)
SCORES = (0.3, 0.5)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("evaluations", nargs="+", type=Path, metavar="DIR")
    return parser.parse_args()


def read_predictions(folder: Path) -> tuple[ImageTable, list[Prediction | None]]:
    """Return the images of an evaluation, and what was found on each, None for nothing."""
    images, found = ImageTable.load(folder), defaultdict(list)
    for entry in json.loads((folder / "coco_instances_results.json").read_text("utf-8")):
        found[entry["image_id"]].append(entry)
    return images, [to_prediction(found[i]) if found[i] else None for i in images.image_id]


def to_prediction(entries: list[dict]) -> Prediction:
    height, width = entries[0]["segmentation"]["size"]
    boxes = np.array([entry["bbox"] for entry in entries], np.float32)
    scores = np.array([entry["score"] for entry in entries], np.float32)
    return Prediction(height, width, boxes, scores, [entry["segmentation"] for entry in entries])


def auc(images: ImageTable, predictions: list[Prediction | None], thresholds: Thresholds) -> str:
    values = np.array([areas.measure_area(p, thresholds) if p else 0.0 for p in predictions])
    metrics = image_metrics(images.y_true, values >= thresholds.area, values, images.group)
    return f"{metrics['AUC']:.3f} ({metrics['AUC_low']:.3f}-{metrics['AUC_high']:.3f})"


def main() -> int:
    args = parse_args()
    data = [read_predictions(folder) for folder in args.evaluations]
    rows = []
    for method, power in [("contour", 0), ("pixel", 0), *(("weighted", p) for p in POWERS)]:
        areas.SCORE_POWER = power
        for score in SCORES:
            rule = Thresholds(score, 0.01, method, "fraction")
            name = f"{method}, score to the power of {power}" if power else method
            rows.append([name, f"{score:g}", *(auc(*each, rule) for each in data)])
    titles = [f"{len(images)} images, {int(images.y_true.sum())} Bad" for images, _ in data]
    print(format_table(rows, ["area", "from a score of", *titles], markdown=True))
    return 0


if __name__ == "__main__":
    run(main)
