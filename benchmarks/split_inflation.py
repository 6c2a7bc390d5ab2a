#!/usr/bin/env python3
"""How much a random split flatters a model: one model, tested by a random and a group-safe split.

    benchmarks/split_inflation.py --output runs/inflation GATE.EPOCHS 40

Labels are rendered in bursts of 1 to 4 shots. Half of the bursts are dealt shot by shot, 70% to
training and 30% to the test of a random split, which so holds other shots of labels that were
trained on. The other bursts are whole in the test of a group-safe split, as labels of another day
would be. Gate and detector are trained once per seed, and every figure is taken of both tests at
the thresholds of the config; the difference is inflation. Checkpoints that are there are not
trained again.
"""

import argparse
import os
import random
from collections.abc import Mapping
from pathlib import Path
from statistics import mean

from fvcore.common.config import CfgNode

from scratch_d2.cli.common import run
from scratch_d2.config import load_config
from scratch_d2.data import register_scratch_dataset
from scratch_d2.data.records import Record, scan_folder
from scratch_d2.engines import get_engine
from scratch_d2.evaluation.settings import EvaluationSettings
from scratch_d2.gate.train import train_gate
from scratch_d2.synthetic.dataset import write_dataset
from scratch_d2.utils.logging import setup_logger
from scratch_d2.utils.tables import format_table

CONFIG = "configs/quick_schedules/cpu_mask_rcnn_R_50_FPN.yaml"
# The parts of a set, by the subfolders that a registration finds them in.
PARTS = {"train": "train", "random": "val", "group-safe": "test"}
TESTS = ("random", "group-safe")
METRICS = {
    "seen in training, by the leak check": ("leak", "share", 3),
    "mask AP": ("segm", "AP", 1),
    "mask AP50": ("segm", "AP50", 1),
    "Dice over Bad images": ("pixel", "dice", 3),
    "ROC AUC, area rule": ("image", "area_AUC", 3),
    "F1 (Bad), area rule": ("image", "area_F1_bad", 3),
    "ROC AUC, gate": ("image", "gate_AUC", 3),
}
Results = dict[str, dict[str, float]]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", required=True, type=Path, metavar="DIR")
    parser.add_argument("--images", type=int, default=1400)
    parser.add_argument("--bad-fraction", type=float, default=0.3)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("opts", nargs=argparse.REMAINDER, help="KEY VALUE pairs of the config")
    return parser.parse_args()


def deal(records: list[Record], seed: int) -> dict[str, list[Record]]:
    """Deal records to the parts: half of the groups shot by shot, the others whole."""
    chance = random.Random(seed)
    groups = sorted({record.group for record in records})
    torn = set(chance.sample(groups, len(groups) // 2))
    parts: dict[str, list[Record]] = {part: [] for part in PARTS}
    for record in sorted(records, key=lambda record: record.image):
        tested = "random" if chance.random() < 0.3 else "train"
        parts[tested if record.group in torn else "group-safe"].append(record)
    return parts


def link(parts: Mapping[str, list[Record]], root: Path) -> None:
    """Lay the parts out as folders of links."""
    for part, records in parts.items():
        for record in records:
            for source in filter(None, (record.image, record.mask)):
                target = root / PARTS[part] / source.parent.name / source.name
                target.parent.mkdir(parents=True, exist_ok=True)
                if not target.is_symlink():
                    target.symlink_to(source.resolve())


def train(folder: Path, seed: int, opts: list[str]) -> CfgNode:
    """Train gate and detector, unless their checkpoints are there."""
    for part, split in PARTS.items():
        register_scratch_dataset(f"{part}_{seed}", folder / "data", split=split)
    cfg = load_config(CONFIG, opts)
    cfg.SEED = seed
    cfg.DATASETS.TRAIN, cfg.DATASETS.TEST = (f"train_{seed}",), ()
    cfg.GATE.OUTPUT_DIR, cfg.OUTPUT_DIR = str(folder / "gate"), str(folder / "detector")
    if not (folder / "gate" / "model_final.pth").is_file():
        train_gate(cfg)
    if not (folder / "detector" / "model_final.pth").is_file():
        get_engine("embedded").train(cfg)
    cfg.GATE.WEIGHTS = str(folder / "gate" / "model_final.pth")
    return cfg


def evaluate(cfg: CfgNode, seed: int) -> dict[str, Results]:
    """Return the results of both tests."""
    cfg.DATASETS.TEST = tuple(f"{part}_{seed}" for part in TESTS)
    weights = Path(cfg.OUTPUT_DIR) / "model_final.pth"
    results = get_engine("embedded").evaluate(cfg, weights, EvaluationSettings.in_training(cfg))
    by_part = {part: results[f"{part}_{seed}"] for part in TESTS}
    for metrics in by_part.values():
        images = sum(metrics["image"][f"area_{count}"] for count in ("tp", "fp", "fn", "tn"))
        metrics["leak"]["share"] = metrics["leak"]["test_images"] / images
    return by_part


def to_markdown(runs: list[dict[str, Results]]) -> str:
    """Format the means over seeds, and the difference seed by seed."""
    rows = []
    for title, (task, name, digits) in METRICS.items():
        values = [[run[part][task][name] for part in TESTS] for run in runs]
        gaps = [torn - whole for torn, whole in values]
        means = [f"{mean(column):.{digits}f}" for column in zip(*values)]
        each = ", ".join(f"{gap:+.{digits}f}" for gap in gaps)
        rows.append([title, *means, f"{mean(gaps):+.{digits}f}", each])
    headers = ["", "random split", "group-safe split", "inflation", "by seed"]
    return format_table(rows, headers, markdown=True)


def main() -> int:
    args = parse_args()
    setup_logger()
    labels = args.output / "labels"
    if not (labels / "annotations.json").is_file():
        write_dataset(labels, args.images, 10, args.bad_fraction, os.cpu_count() or 1)
    records, _ = scan_folder(labels)
    runs = []
    for seed in range(args.seeds):
        folder = args.output / f"seed_{seed}"
        parts = deal(records, seed)
        link(parts, folder / "data")
        runs.append(evaluate(train(folder, seed, args.opts), seed))
        sizes = ", ".join(f"{len(part)} {name}" for name, part in parts.items())
        print(f"\nseed {seed}: {sizes}\n\n{to_markdown(runs)}", flush=True)
    return 0


if __name__ == "__main__":
    run(main)
