#!/usr/bin/env python3
"""What a calibration promises and what it keeps: on the images that chose, expected, on others.

    benchmarks/calibration.py output/detector/inference [FOLDER ...] --images 213

Of all images in evaluations of one model, some are drawn, groups whole, and thresholds are chosen
on them. Their figures are printed beside those expected of others, from cross-validation, and
those of all images that were not drawn. Means over draws, with the spread of single draws.
"""

import argparse
from pathlib import Path

import numpy as np

from scratch_d2.calibration import calibrate
from scratch_d2.cli.common import run
from scratch_d2.evaluation.images import ImageTable, judge_images
from scratch_d2.metrics.image_metrics import image_metrics
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.utils.tables import format_table

METRICS = ("precision_bad", "recall_bad", "F1_bad")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("evaluations", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--images", type=int, default=213, help="to choose on (213)")
    parser.add_argument("--draws", type=int, default=60)
    parser.add_argument("--goals", nargs="+", default=["f1", "recall=0.9", "cost=10"])
    return parser.parse_args()


def join(tables: list[ImageTable]) -> ImageTable:
    """Put evaluations of one model into one table; groups of different ones stay apart."""
    gated = all(table.p_bad is not None for table in tables)
    return ImageTable(
        image_id=[(i, x) for i, table in enumerate(tables) for x in table.image_id],
        file=[file for table in tables for file in table.file],
        group=[f"{i}/{group}" for i, table in enumerate(tables) for group in table.group],
        y_true=np.concatenate([table.y_true for table in tables]),
        area=np.concatenate([table.area for table in tables]),
        p_bad=np.concatenate([table.p_bad for table in tables]) if gated else None,
    )


def draw(images: ImageTable, count: int, seed: int) -> np.ndarray:
    """Return [N] bool: at least `count` images, in whole groups."""
    names, group = np.unique(images.group, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    reached = np.searchsorted(np.bincount(group)[order].cumsum(), count)
    return np.isin(group, order[: reached + 1])


def compare(images: ImageTable, goal: str, count: int, draws: int) -> np.ndarray:
    """Return [draws, 3, metrics]: on the images drawn, expected of others, on the others."""
    rows = []
    for seed in range(draws):
        drawn = draw(images, count, seed)
        made, others = calibrate(images.select(drawn), Thresholds(), goal), images.select(~drawn)
        y_pred, y_score = list(judge_images(others, made.thresholds).values())[-1]
        on_others = image_metrics(others.y_true, y_pred, y_score, others.group)
        columns = (made.metrics, made.expected, on_others)
        rows.append([[metrics[name] for name in METRICS] for metrics in columns])
    return np.array(rows)


def main() -> int:
    args = parse_args()
    images = join([ImageTable.load(folder) for folder in args.evaluations])
    print(f"{len(images)} images, of which {args.images} choose, {args.draws} draws\n")
    rows = []
    for goal in args.goals:
        values = compare(images, goal, args.images, args.draws)
        for index, name in enumerate(METRICS):
            means, spreads = values[:, :, index].mean(axis=0), values[:, :, index].std(axis=0)
            cells = (f"{mean:.3f} ± {spread:.3f}" for mean, spread in zip(means, spreads))
            rows.append([goal, name, *cells])
    headers = ["goal", "metric", "where chosen", "expected", "on others"]
    print(format_table(rows, headers, markdown=True))
    return 0


if __name__ == "__main__":
    run(main)
