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
from statistics import mean

from fvcore.common.config import CfgNode

from scratch_d2.cli import run
from scratch_d2.config import load_config
from scratch_d2.data import register_scratch_dataset
from scratch_d2.data.records import Record, scan_folder
from scratch_d2.data.split import split_records
from scratch_d2.data.synthetic.dataset import write_dataset
from scratch_d2.engines import get_engine
from scratch_d2.evaluation.calibration import calibrate
from scratch_d2.evaluation.files import read_figures
from scratch_d2.evaluation.image_metrics import image_metrics
from scratch_d2.evaluation.images import ImageTable, judge_images
from scratch_d2.gate.train import train_gate
from scratch_d2.inspection.thresholds import Thresholds
from scratch_d2.runs import setup_logger

CONFIG = "configs/quick_schedules/cpu_mask_rcnn_R_50_FPN.yaml"
SPLITS = ("random", "group-safe")
LEAKED = "share that the leak check finds in training"


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
    if kind == "group-safe":
        return split_records(records, seed)
    group = {record.image: record.group for record in records}
    alone = split_records([replace(r, group=str(r.image)) for r in records], seed)
    return {
        split: [replace(r, group=group[r.image]) for r in part] for split, part in alone.items()
    }


def siblings(splits: Mapping[str, list[Record]]) -> float:
    """Return the share of test images of which another shot of the burst is in training."""
    seen = {record.group for record in splits["train"]}
    return mean(record.group in seen for record in splits["test"])


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


def judge(cfg: CfgNode, name: str) -> dict[str, dict[str, float]]:
    """Choose thresholds on the validation part; return figures of the test part and the fresh set.

    Thresholds are those of highest F1 of Bad.
    """
    sets = {"val": f"{name}_val", "test": f"{name}_test", "fresh": "fresh"}
    cfg.DATASETS.TEST = tuple(sets.values())
    get_engine("embedded").evaluate(cfg, cfg.MODEL.WEIGHTS)
    folder = Path(cfg.OUTPUT_DIR) / "inference"
    validation = ImageTable.load(folder / sets["val"])
    thresholds = calibrate(validation, Thresholds.from_config(cfg), "f1").thresholds
    found = {}
    for part in ("test", "fresh"):
        results, _ = read_figures(folder / sets[part])
        images = ImageTable.load(folder / sets[part])
        called_bad, score = judge_images(images, thresholds)["both"]
        found[part] = {
            "share that the leak check finds in training": results["leak"]["test_images"]
            / len(images),
            "mask AP50": results["segm"]["AP50"],
            "ROC AUC of the gate": results["image"]["gate_AUC"],
            "F1 (Bad), gate and area rule": image_metrics(images.bad, called_bad, score)["F1_bad"],
        }
    return found


def to_markdown(found: dict[str, list[dict[str, dict[str, float]]]]) -> str:
    """Lay out the means over seeds: what the test part says, what the next day brings."""
    lines = ["| | split | test part | next day | inflation, per seed |", "|---|---|---:|---:|---:|"]
    for figure in next(iter(found.values()))[0]["test"]:
        for kind, runs in found.items():
            test, fresh = ([run[part][figure] for run in runs] for part in ("test", "fresh"))
            digits = 1 if "AP50" in figure else 3
            gaps = ", ".join(f"{a - b:+.{digits}f}" for a, b in zip(test, fresh))
            means = (f"{mean(values):.{digits}f}" for values in (test, fresh))
            lines.append(f"| {figure} | {kind} | {' | '.join(means)} | {gaps} |")
    return "\n".join(lines)


def main() -> int:
    args = parse_args()
    setup_logger()
    sets = {"labels": (args.images, 10), "fresh": (args.fresh, 11)}
    for name, (count, seed) in sets.items():
        if not (args.output / name / "annotations.json").is_file():
            workers = os.cpu_count() or 1
            write_dataset(args.output / name, count, seed, args.bad_fraction, workers)
    records, _ = scan_folder(args.output / "labels")
    register_scratch_dataset("fresh", args.output / "fresh")
    found: dict[str, list] = {kind: [] for kind in SPLITS}
    for seed in range(args.seeds):
        for kind in SPLITS:
            folder = args.output / f"{kind}_{seed}"
            splits = deal(records, kind, seed)
            link(splits, folder / "data")
            cfg = train(f"{kind}_{seed}", folder, seed, args.opts)
            found[kind].append(judge(cfg, f"{kind}_{seed}"))
            shares = {"test": siblings(splits), "fresh": 0.0}
            for part, share in shares.items():
                found[kind][-1][part]["share with a shot of the same burst in training"] = share
            print(f"{kind}, seed {seed}: {found[kind][-1]}")
    print(f"\n{to_markdown(found)}")
    return 0


if __name__ == "__main__":
    run(main)
