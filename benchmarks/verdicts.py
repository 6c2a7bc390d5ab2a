#!/usr/bin/env python3
"""What fine-tuning gains on real photographs, by cross-validation over groups of shots.

    benchmarks/verdicts.py FOLDER --output runs/verdicts [--masks] [--photographs 100] \\
        [KEY VALUE ...]

FOLDER holds good/ and bad/, and masks/ that only --masks uses: without it the models learn from
verdicts alone. Each of five folds is judged once, by models that `scratch-d2 fine-tune` trained on
three others and calibrated on the fourth. The table is of all photographs, each judged by models
and thresholds that have not seen its group. Intervals are of 95%, drawn over groups. A fold that is
finished already is not trained again.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scratch_d2.cli.common import run
from scratch_d2.data.catalog import find_dataset_dicts
from scratch_d2.data.split import deal_groups
from scratch_d2.evaluation.files import read_evaluation
from scratch_d2.evaluation.images import ImageTable, judge_images
from scratch_d2.metrics.image_metrics import image_metrics
from scratch_d2.structures.labels import BAD
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.utils.tables import format_table

FOLDS = 5
METRICS = ("AUC", "precision_bad", "recall_bad", "F1_bad")
Dicts = Sequence[dict[str, Any]]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", metavar="FOLDER")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR")
    parser.add_argument("--masks", action="store_true", help="train with the masks as well")
    parser.add_argument("--photographs", type=int, metavar="N", help="train and calibrate on these")
    args, args.opts = parser.parse_known_args()
    return args


def split_fold(dicts: Dicts, parts: np.ndarray, fold: int, count: int | None) -> dict[str, Dicts]:
    """Return the images of a fold by the names "train", "val" and "test".

    Args:
        parts: [N], in which fold each image is tested.
        count: images of train and val together, whole groups of them; None for all.
    """
    validation = (fold + 1) % FOLDS
    rest = parts != fold
    share = 1.0 if count is None else min(1.0, count / int(rest.sum()))
    # Drawn part by part, so that neither is left without Bad ones.
    chosen = {
        "train": draw_share(dicts, np.flatnonzero(rest & (parts != validation)), share, fold),
        "val": draw_share(dicts, np.flatnonzero(parts == validation), share, fold),
        "test": np.flatnonzero(parts == fold),
    }
    return {name: [dicts[index] for index in indices] for name, indices in chosen.items()}


def draw_share(dicts: Dicts, indices: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Return those of the indices that whole groups with about `share` of the images have."""
    groups, bad = groups_of([dicts[index] for index in indices])
    return indices[deal_groups(groups, bad, [share, 1 - share], seed) == 0]


def groups_of(dicts: Dicts) -> tuple[list[str], list[bool]]:
    return [item["group"] for item in dicts], [item["verdict"] == BAD for item in dicts]


def copy_photographs(splits: dict[str, Dicts], folder: Path, masks: bool) -> None:
    """Lay the images of each split out as fine-tuning reads them."""
    for split, dicts in splits.items():
        for item in dicts:
            files = {item["verdict"]: item["file_name"]}
            if item["mask_file"] and (masks or split == "test"):
                files["masks"] = item["mask_file"]
            for kind, source in files.items():
                target = folder / split / kind / Path(source).name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)


def fine_tune(folder: Path, run_folder: Path, opts: list[str]) -> ImageTable:
    """Fine-tune on a folder; return how its test images were judged."""
    results = run_folder / "detector/inference"
    if not (results / "images.jsonl").is_file():
        command = [sys.executable, "-m", "scratch_d2", "fine-tune", str(folder)]
        command += ["--output", str(run_folder), *opts]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return ImageTable.load(results)


def main() -> int:
    args = parse_args()
    dicts = find_dataset_dicts(args.folder)
    parts = deal_groups(*groups_of(dicts), [1 / FOLDS] * FOLDS)
    columns: dict[str, list[np.ndarray]] = {"area rule": [], "gate": [], "both": []}
    y_pred, y_true, groups = [], [], []
    for fold in range(FOLDS):
        folder = args.output / f"fold{fold}"
        folder.mkdir(parents=True, exist_ok=True)
        splits = split_fold(dicts, parts, fold, args.photographs)
        copy_photographs(splits, folder / "labels", args.masks)
        images = fine_tune(folder / "labels", folder / "run", args.opts)
        _, metadata = read_evaluation(folder / "run/detector/inference")
        judged = judge_images(images, Thresholds.from_dict(metadata["thresholds"]))
        for name, judge in zip(columns, ("area", "gate", "both"), strict=True):
            columns[name].append(judged[judge][1])
        y_pred.append(judged["both"][0])
        y_true.append(images.y_true)
        groups += images.group
        print(f"fold {fold}: {len(images)} photographs, {int(images.y_true.sum())} Bad", flush=True)
    print_table(np.concatenate(y_true), np.concatenate(y_pred), columns, groups)
    return 0


def print_table(
    y_true: np.ndarray,
    y_pred: np.ndarray,
    columns: dict[str, list[np.ndarray]],
    groups: list[str],
) -> None:
    rows = []
    for name, scores in columns.items():
        metrics = image_metrics(y_true, y_pred, np.concatenate(scores), groups)
        cells = [
            f"{metrics[m]:.3f} ({metrics[f'{m}_low']:.3f}-{metrics[f'{m}_high']:.3f})"
            for m in METRICS
            if name == "both" or m == "AUC"
        ]
        rows.append([name, *cells, *[""] * (len(METRICS) - len(cells))])
    title = f"{len(y_true)} photographs, {int(y_true.sum())} Bad"
    print(format_table(rows, [title, *METRICS], markdown=True))


if __name__ == "__main__":
    run(main)
