#!/usr/bin/env python3
"""What thresholds are worth that were chosen on few photographs, by repeated draws of groups.

    scratch-d2 evaluate --dataset /data/real --output runs/real
    benchmarks/few_photographs.py runs/real/inference [--photographs 100] [--draws 50]

Each draw takes whole groups of shots for about so many photographs, chooses thresholds for the
highest F1 of Bad on them, and judges all others. No model runs. The table has the mean over the
draws and the 2.5th and 97.5th percentile, on the same other photographs: of the thresholds that the
evaluation was made with, of those chosen anew, as `scratch-d2 calibrate --anew` does, and of those
of `scratch-d2 calibrate`, which keeps the former ones unless new ones are better.
"""

import argparse
from pathlib import Path

import numpy as np

from scratch_d2.calibration.choice import calibrate
from scratch_d2.calibration.keeping import ORIGIN, Former
from scratch_d2.cli.common import run
from scratch_d2.data.split import deal_groups
from scratch_d2.evaluation.files import read_evaluation
from scratch_d2.evaluation.images import ImageTable, judge_images
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.utils.tables import format_table


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("evaluation", type=Path, metavar="DIR")
    parser.add_argument("--photographs", type=int, default=100, metavar="N")
    parser.add_argument("--draws", type=int, default=50, metavar="N")
    return parser.parse_args()


def rates(images: ImageTable, thresholds: Thresholds) -> tuple[float, float, float]:
    """Return precision, recall and F1 of Bad."""
    y_pred = judge_images(images, thresholds)["both"][0]
    tp = int((y_pred & images.y_true).sum())
    precision, recall = tp / max(int(y_pred.sum()), 1), tp / int(images.y_true.sum())
    return precision, recall, 2 * tp / int(y_pred.sum() + images.y_true.sum())


def main() -> int:
    args = parse_args()
    images = ImageTable.load(args.evaluation)
    saved = Thresholds.from_dict(read_evaluation(args.evaluation)[1]["thresholds"])
    former = Former(saved, dict.fromkeys(ORIGIN))
    share, kept = args.photographs / len(images), 0
    draws: dict[str, list] = {
        "chosen anew": [],
        "kept unless new ones are better": [],
        "as saved": [],
    }
    for draw in range(args.draws):
        drawn = deal_groups(images.group, images.y_true, [share, 1 - share], seed=draw) == 0
        anew = calibrate(images.select(drawn), saved, "f1")
        made = calibrate(images.select(drawn), saved, "f1", former=former)
        kept += made.kept is not None
        for name, thresholds in zip(draws, (anew.thresholds, made.thresholds, saved), strict=True):
            draws[name].append(rates(images.select(~drawn), thresholds))
    rows = []
    for name, values in draws.items():
        low, high = np.percentile(values, (2.5, 97.5), axis=0)
        ends = zip(np.mean(values, axis=0), low, high, strict=True)
        rows.append([name, *(f"{mean:.3f} ({a:.3f}-{b:.3f})" for mean, a, b in ends)])
    titles = ("thresholds", "precision (Bad)", "recall (Bad)", "F1 (Bad)")
    print(format_table(rows, list(titles), markdown=True))
    print(f"\nthe former thresholds were kept in {kept} of {args.draws} draws")
    return 0


if __name__ == "__main__":
    run(main)
