#!/usr/bin/env python3
"""How much a random split flatters a model: same data, same training, two ways to split.

    benchmarks/split_inflation.py --output runs/inflation

Labels are rendered in bursts of 1 to 4 shots. Once every photograph is dealt by itself, once bursts
stay whole. Gate and detector are trained on each split, thresholds are chosen on its validation
part, and both are judged on its test part and on fresh labels rendered from another seed: what the
next day brings. What the test part promises beyond that is inflation. Checkpoints that are there
are not trained again.
"""

import argparse
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from fvcore.common.config import CfgNode

from scratch_d2.cli import run
from scratch_d2.config import load_config
from scratch_d2.data import register_scratch_dataset
from scratch_d2.data.records import Record, scan_folder
from scratch_d2.data.split import split_records
from scratch_d2.data.synthetic.dataset import write_dataset
from scratch_d2.engines import get_engine
from scratch_d2.gate.train import train_gate
from scratch_d2.runs import setup_logger

CONFIG = "configs/quick_schedules/cpu_mask_rcnn_R_50_FPN.yaml"
SPLITS = ("random", "group-safe")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", required=True, type=Path, metavar="DIR")
    parser.add_argument("--images", type=int, default=1000, help="to be split (1000)")
    parser.add_argument("--fresh", type=int, default=1000, help="of the next day (1000)")
    parser.add_argument("--bad-fraction", type=float, default=0.3)
    parser.add_argument("--seeds", type=int, default=2, help="splits of each kind (2)")
    parser.add_argument("opts", nargs=argparse.REMAINDER, help="KEY VALUE pairs of the config")
    return parser.parse_args()


def deal(records: list[Record], kind: str, seed: int) -> dict[str, list[Record]]:
    """Deal records to train, val and test; "random" takes each photograph for a group."""
    if kind == "random":
        alone = [replace(record, group=str(record.image)) for record in records]
        return split_records(alone, seed)
    return split_records(records, seed)


def link(splits: Mapping[str, list[Record]], root: Path) -> None:
    """Lay a split out as folders train/, val/, test/ of links."""
    for split, records in splits.items():
        for record in records:
            for source in filter(None, (record.image, record.mask)):
                target = root / split / source.parent.name / source.name
                target.parent.mkdir(parents=True, exist_ok=True)
                if not target.is_symlink():
                    target.symlink_to(source.resolve())


def train(name: str, folder: Path, seed: int, opts: list[str]) -> CfgNode:
    """Train gate and detector on a split, unless their checkpoints are there."""
    for split in ("train", "val", "test"):
        register_scratch_dataset(f"{name}_{split}", folder / "data", split=split)
    cfg = load_config(CONFIG, opts)
    cfg.SEED = seed
    cfg.DATASETS.TRAIN, cfg.DATASETS.TEST = (f"{name}_train",), (f"{name}_val",)
    cfg.GATE.OUTPUT_DIR, cfg.OUTPUT_DIR = str(folder / "gate"), str(folder / "detector")
    cfg.GATE.WEIGHTS = str(folder / "gate" / "model_best.pth")
    cfg.MODEL.WEIGHTS = ""
    if not (folder / "gate" / "model_final.pth").is_file():
        train_gate(cfg)
    if not (folder / "detector" / "model_final.pth").is_file():
        get_engine("embedded").train(cfg)
    cfg.MODEL.WEIGHTS = str(folder / "detector" / "model_final.pth")
    return cfg


def main() -> int:
    args = parse_args()
    setup_logger()
    sets = {"labels": (args.images, 10), "fresh": (args.fresh, 11)}
    for name, (count, seed) in sets.items():
        if not (args.output / name / "annotations.json").is_file():
            write_dataset(args.output / name, count, seed, args.bad_fraction, os.cpu_count() or 1)
    records, _ = scan_folder(args.output / "labels")
    register_scratch_dataset("fresh", args.output / "fresh")
    for seed in range(args.seeds):
        for kind in SPLITS:
            folder = args.output / f"{kind}_{seed}"
            link(deal(records, kind, seed), folder / "data")
            train(f"{kind}_{seed}", folder, seed, args.opts)
    return 0


if __name__ == "__main__":
    run(main)
