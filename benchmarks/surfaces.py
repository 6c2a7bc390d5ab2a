#!/usr/bin/env python3
"""What training reaches on a surface that is no label, by cross-validation over five folds.

    benchmarks/surfaces.py FOLDER --output runs/tiles [--folds 0 1] [--arms reference nothing] \\
        [--split grouped random] [--iterations N] [--epochs N] [--batch N] [--device cuda] \\
        [--table] [KEY VALUE ...]

FOLDER holds good/, bad/, masks/ and images.csv with the kinds of defects and the groups, as
datasets/prepare_magnetic_tile.py writes it. Each fold is predicted by models that are trained on
the other four. The arm "reference" starts from the reference models, "nothing" from random
weights: the gate first, whose backbone then starts the detector. The split "grouped" keeps the
photographs of one place together, and "random" deals single photographs, as most published figures
on such sets do. Either has the same share of each kind in every fold.

What is finished is not trained again, and an interrupted training is resumed. Without --table the
command only trains and predicts, so several can run side by side for other folds and arms.
--table prints the metrics of all photographs, each predicted by models that have not seen it.
Thresholds of a fold are those of highest F1 on the predictions of the others, or, of a single fold,
those of one half of its groups on the other. Intervals are of 95%, drawn over groups.
"""

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from surface_metrics import print_tables

from scratch_d2.cli import train_detector, train_gate
from scratch_d2.cli.common import run
from scratch_d2.data.builtin import open_config
from scratch_d2.data.catalog import find_dataset_dicts, get_dataset_dicts
from scratch_d2.data.coco import to_coco_results
from scratch_d2.data.dataset_spec import DatasetSpec, read_records
from scratch_d2.data.images import read_image
from scratch_d2.data.records import Record
from scratch_d2.data.split import SplitSettings, deal_groups
from scratch_d2.data.splits_file import save_splits
from scratch_d2.engines import get_engine
from scratch_d2.gate.model import Gate
from scratch_d2.utils.files import write_atomically

FOLDS = 5
CONFIG = "surfaces/magnetic_tile.yaml"
SPLITS = ("grouped", "random")
# KEY VALUE pairs of each arm. From random weights the rates are those of the reference recipe.
ARMS: dict[str, list[str]] = {
    "reference": [],
    "nothing": [
        *("MODEL.WEIGHTS", "", "GATE.WEIGHTS", ""),
        *("SOLVER.BASE_LR", "0.02", "GATE.BASE_LR", "0.002"),
    ],
}
PREDICTIONS = "predictions.json"
CHUNK = 16  # images predicted at a time


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path)
    parser.add_argument("--output", required=True, type=Path, metavar="DIR")
    parser.add_argument("--config-file", default=CONFIG, metavar="FILE", help=f"recipe ({CONFIG})")
    parser.add_argument("--folds", nargs="+", type=int, choices=range(FOLDS), default=range(FOLDS))
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--split", nargs="+", choices=SPLITS, default=["grouped"])
    parser.add_argument("--iterations", type=int, metavar="N", help="SOLVER.MAX_ITER")
    parser.add_argument("--epochs", type=int, metavar="N", help="GATE.EPOCHS")
    parser.add_argument("--batch", type=int, metavar="N", help="images per batch of the detector")
    parser.add_argument("--device", default="cpu", help="MODEL.DEVICE (cpu)")
    parser.add_argument("--table", action="store_true", help="print the tables, train nothing")
    args, args.opts = parser.parse_known_args()
    for key, value in {
        "SOLVER.MAX_ITER": args.iterations,
        "GATE.EPOCHS": args.epochs,
        "SOLVER.IMS_PER_BATCH": args.batch,
        "MODEL.DEVICE": args.device,
    }.items():
        args.opts += [] if value is None else [key, str(value)]
    return args


def make_root(folder: Path, root: Path, split: str) -> Path:
    """Make a dataset folder of links to `folder`, with a splits.json of the folds."""
    if (root / "splits.json").is_file():
        return root
    root.mkdir(parents=True, exist_ok=True)
    for name in ("good", "bad", "masks", "images.csv"):
        link = root / name
        if (folder / name).exists() and not link.exists():
            link.symlink_to((folder / name).resolve())
    settings = SplitSettings(folds=FOLDS)
    records, _, _ = read_records(DatasetSpec(root, "all", 127, settings))
    groups = [str(r.image) if split == "random" else r.group for r in records]
    parts = deal_kinds(records, groups)
    folds = {
        f"fold{fold}_test": [record for record, part in zip(records, parts) if part == fold]
        for fold in range(FOLDS)
    }
    save_splits(folds, root, settings)
    return root


def deal_kinds(records: Sequence[Record], groups: Sequence[str]) -> np.ndarray:
    """Deal whole groups to folds, kind by kind; a group counts for its rarest kind.

    Returns [N] int, the fold of each record.
    """
    names = np.array(groups)
    kinds = np.array([record.kind or record.verdict for record in records])
    parts = np.full(len(records), -1)
    for kind in sorted(set(kinds), key=lambda k: int((kinds == k).sum())):
        open_groups = set(names[(kinds == kind) & (parts < 0)])
        chosen = np.flatnonzero([name in open_groups for name in names])
        dealt = [str(name) for name in names[chosen]]
        parts[chosen] = deal_groups(dealt, [True] * len(dealt), [1 / FOLDS] * FOLDS)
    return parts


def run_fold(args: argparse.Namespace, root: Path, arm: str, fold: int, folder: Path) -> None:
    """Train gate and detector for a fold, predict its test images, write predictions.json."""
    if (folder / PREDICTIONS).is_file():
        return
    gate, detector = folder / "gate", folder / "detector"
    train = tuple(f"scratch_text_fold{fold}_{part}" for part in ("train", "val"))
    keys = ["SCRATCH.DATA_ROOT", str(root), "SCRATCH.FOLDS", str(FOLDS)]
    keys += ["OUTPUT_DIR", str(detector), "GATE.OUTPUT_DIR", str(gate)]
    keys += ["DATASETS.TRAIN", str(train), "DATASETS.TEST", "()", "SCRATCH.ENGINE", "embedded"]
    keys += [*ARMS[arm], *args.opts]
    options = ["--resume", "--config-file", args.config_file]
    if not (gate / "model_final.pth").is_file():
        train_gate.main([*options, *keys])
    if arm == "nothing":
        keys += ["MODEL.WEIGHTS", str(gate / "model_final.pth")]
    if not (detector / "model_final.pth").is_file():
        train_detector.main([*options, *keys])
    predict_fold(args.config_file, keys, fold, folder)


def predict_fold(config: str, keys: list[str], fold: int, folder: Path) -> None:
    cfg = open_config(config, keys)
    dicts = get_dataset_dicts(f"scratch_text_fold{fold}_test")
    detector = get_engine("embedded").load(cfg, str(folder / "detector/model_final.pth"))
    gate = Gate.load(str(folder / "gate/model_final.pth"), cfg.MODEL.DEVICE)
    results: list[dict[str, Any]] = []
    p_bad: dict[str, float] = {}
    for start in range(0, len(dicts), CHUNK):
        items = dicts[start : start + CHUNK]
        images = [read_image(item["file_name"]) for item in items]
        for item, found, score in zip(items, detector(images), gate(images)):
            results += to_coco_results(item["image_id"], found)
            p_bad[str(item["image_id"])] = float(score)
    content = json.dumps({"p_bad": p_bad, "results": results})
    write_atomically(content, folder / PREDICTIONS)
    shutil.rmtree(folder / "detector/inference", ignore_errors=True)


def main() -> int:
    args = parse_args()
    for split in args.split:
        folders = {arm: args.output / split / arm for arm in args.arms}
        if args.table:
            dicts = find_dataset_dicts(str(args.folder))
            for arm, folder in folders.items():
                files = [folder / f"fold{fold}" / PREDICTIONS for fold in args.folds]
                print_tables(dicts, [f for f in files if f.is_file()], f"{arm}, {split}")
            continue
        args.output.mkdir(parents=True, exist_ok=True)
        with FileLock(args.output / "data.lock"):
            root = make_root(args.folder, args.output / split / "data", split)
        for fold in args.folds:
            for arm, folder in folders.items():
                run_fold(args, root, arm, fold, folder / f"fold{fold}")
                print(f"{split}, fold {fold}, {arm}: predicted", flush=True)
    return 0


if __name__ == "__main__":
    run(main)
