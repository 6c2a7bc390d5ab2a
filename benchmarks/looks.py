#!/usr/bin/env python3
"""What false positives and misses look like on real photographs, by gate, area rule and both.

    benchmarks/looks.py --evaluation runs/real/inference
    benchmarks/looks.py --config-file configs/reference/pretrained.yaml --dataset /data/real \\
        --output runs/real [KEY VALUE ...]

The first reads an evaluation that was made before; the second makes one, with the thresholds
beside the weights. benchmarks/looks.csv says by hand, for each file name, what a photograph looks
like: a Good one "blur", "motion", "double" (exposed twice), "drawing" (beside the print), "ground"
(grey or dark paper), "pale" (ink), "plain" or "label noise"; a Bad one "streaks", "notch",
"smear", "torn" or "other". A photograph may have several looks and counts under each. The AUC of a
look of Good ranks its photographs against all Bad ones, that of a look of Bad against all Good
ones. Intervals are of 95%, drawn over groups of shots.
"""

import argparse
import csv
import subprocess
import sys
from pathlib import Path

import numpy as np

from scratch_d2.cli.common import run
from scratch_d2.evaluation.files import read_evaluation
from scratch_d2.evaluation.images import JUDGES, ImageTable, Judged, judge_images
from scratch_d2.metrics.image_metrics import image_metrics
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.utils.tables import format_table

LOOKS = Path(__file__).with_suffix(".csv")
OF_GOOD = ("blur", "motion", "double", "drawing", "ground", "pale", "plain", "label noise")
OF_BAD = ("streaks", "notch", "smear", "torn", "other")
METRICS = ("AUC", "precision_bad", "recall_bad", "F1_bad")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--evaluation", type=Path, metavar="DIR")
    source.add_argument("--config-file", metavar="FILE")
    parser.add_argument("--dataset", metavar="FOLDER", help="with good/ and bad/")
    parser.add_argument("--output", type=Path, metavar="DIR")
    parser.add_argument("--looks", type=Path, default=LOOKS, metavar="FILE")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("opts", nargs=argparse.REMAINDER, help="KEY VALUE pairs over the config")
    args = parser.parse_args()
    if args.config_file and not (args.dataset and args.output):
        parser.error("--config-file needs --dataset and --output")
    return args


def evaluate(args: argparse.Namespace) -> Path:
    """Let gate and detector see every photograph; returns the folder of the evaluation."""
    keys = ["OUTPUT_DIR", str(args.output), "SCRATCH.DATA_ROOT", args.dataset]
    keys += ["DATASETS.TEST", "('scratch_text_all',)", *args.opts]
    command = ["tools/train_net.py", "--eval-only", "--engine", args.engine]
    command += ["--config-file", args.config_file, *keys]
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
    return args.output / "inference"


def read_looks(file: Path) -> dict[str, list[str]]:
    """Return the looks of each photograph by its file name.

    Raises ValueError naming file, line and look if a look is unknown.
    """
    looks = {}
    with open(file, newline="", encoding="utf-8") as lines:
        for number, row in enumerate(csv.DictReader(lines), 2):
            looks[row["file"]] = row["looks"].split(" + ")
            unknown = set(looks[row["file"]]) - {*OF_GOOD, *OF_BAD}
            if unknown:
                raise ValueError(
                    f"{file}, line {number}: unknown look {min(unknown)!r}; accepted are "
                    f"{', '.join(OF_GOOD + OF_BAD)}"
                )
    return looks


def has_look(images: ImageTable, looks: dict[str, list[str]]) -> dict[str, np.ndarray]:
    """Return by look which of the N images have it, [N] bool.

    Raises ValueError for an image whose looks are not known, or are those of the other verdict.
    """
    names = [Path(file).name for file in images.file]
    for name, bad in zip(names, images.y_true):
        odd = set(looks.get(name, ["none"])) - {*(OF_BAD if bad else OF_GOOD)}
        if odd:
            raise ValueError(f"{name} is {'Bad' if bad else 'Good'} and has the look {min(odd)!r}")
    return {look: np.array([look in looks[name] for name in names]) for look in OF_GOOD + OF_BAD}


def format_metric(metrics: dict[str, float], name: str) -> str:
    low, high = metrics[f"{name}_low"], metrics[f"{name}_high"]
    ends = "" if np.isnan(low) else f" ({low:.3f}-{high:.3f})"
    return f"{metrics[name]:.3f}{ends}"


def overall_table(images: ImageTable, judged: Judged) -> str:
    """Return a table of all images, with a row for each judge."""
    rows = []
    for judge in (name for name in JUDGES if name in judged):
        metrics = image_metrics(images.y_true, *judged[judge], images.group)
        rows.append([judge, *(format_metric(metrics, name) for name in METRICS)])
    title = f"all {len(images)}, {int(images.y_true.sum())} Bad"
    return format_table(rows, [title, *METRICS], markdown=True)


def look_table(images: ImageTable, judged: Judged, looks: dict[str, np.ndarray], bad: bool) -> str:
    """Return a table of Good or Bad images, with a row for each look."""
    judges = [name for name in JUDGES if name in judged]
    kind, wrong = ("Bad", "missed by") if bad else ("Good", "called Bad by")
    columns = [f"{wrong} {name}" for name in judges] + [f"AUC, {name}" for name in judges]
    rows = []
    for look in OF_BAD if bad else OF_GOOD:
        own = looks[look] & (images.y_true == bad)
        if own.any():
            counts = [str(int((judged[name][0][own] != bad).sum())) for name in judges]
            aucs = [auc_of(images, judged[name][1], own, bad) for name in judges]
            rows.append([look, int(own.sum()), *counts, *aucs])
    return format_table(rows, [kind, "images", *columns], markdown=True)


def auc_of(images: ImageTable, score: np.ndarray, own: np.ndarray, bad: bool) -> str:
    """Return the AUC of the chosen images against all of the other verdict, with its interval."""
    chosen = own | (images.y_true != bad)
    part, score = images.select(chosen), score[chosen]
    return format_metric(image_metrics(part.y_true, part.y_true, score, part.group), "AUC")


def main() -> int:
    args = parse_args()
    folder = args.evaluation or evaluate(args)
    images, (_, about) = ImageTable.load(folder), read_evaluation(folder)
    judged = judge_images(images, Thresholds.from_dict(about["thresholds"]))
    looks = has_look(images, read_looks(args.looks))
    print(overall_table(images, judged))
    for bad in (False, True):
        print("\n" + look_table(images, judged, looks, bad))
    noisy = looks["label noise"]
    if noisy.any():
        clean = images.select(~noisy)
        kept = {name: tuple(part[~noisy] for part in pair) for name, pair in judged.items()}
        print("\nwithout label noise:\n\n" + overall_table(clean, kept))
    return 0


if __name__ == "__main__":
    run(main)
