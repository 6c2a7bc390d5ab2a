#!/usr/bin/env python3
"""What each setting of the reference recipe is worth: one changed at a time, all else equal.

    DETECTRON2_DATASETS=runs/reference/datasets benchmarks/ablation.py --output runs/ablation \\
        [--real /data/real] [--only NAME ...]

Trains the detector of configs/reference/mask_rcnn_R_50_half_FPN.yaml for some iterations, from one
seed and from the reference detector without the last layers of its RPN, which the anchors shape;
then gates from nothing on a fifth as many labels. Evaluates on rendered labels for validation,
and on a folder of real ones if given; no threshold is chosen. Prints a table after each setting.
What is trained already is not trained again, and a run that was killed resumes.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from synthetic_to_real import score

import scratch_d2.data.builtin  # noqa: F401, registers its names
from scratch_d2.checkpoints.files import read_checkpoint
from scratch_d2.cli.common import run
from scratch_d2.data.catalog import find_dataset_dicts
from scratch_d2.gate import Gate
from scratch_d2.gate.validation import ranking_metrics
from scratch_d2.synthetic.dataset import write_dataset
from scratch_d2.utils.files import save_atomically
from scratch_d2.utils.tables import format_table

CONFIG = "configs/reference/mask_rcnn_R_50_half_FPN.yaml"
START, RPN_ENDS = "weights/detector.pth", ("objectness_logits", "anchor_deltas")
VAL, REAL = "scratch_synth_val", "scratch_text_all"
BATCH = 8  # SOLVER.IMS_PER_BATCH there
FINER = {"MODEL.ANCHOR_GENERATOR.SIZES": "[[16], [32], [64], [128], [256]]"}
COCO = {
    "MODEL.ANCHOR_GENERATOR.SIZES": "[[32], [64], [128], [256], [512]]",
    "MODEL.ANCHOR_GENERATOR.ASPECT_RATIOS": "[[0.5, 1.0, 2.0]]",
}


def size(pixels: int) -> dict[str, str]:
    train = {"INPUT.MIN_SIZE_TRAIN": f"({pixels},)", "INPUT.MAX_SIZE_TRAIN": str(pixels)}
    return train | {"INPUT.MIN_SIZE_TEST": str(pixels), "INPUT.MAX_SIZE_TEST": str(pixels)}


DETECTORS: dict[str, dict[str, str]] = {
    "reference": {},
    "reference, another seed": {"SEED": "1"},
    "image of 192 px": size(192),
    "image of 320 px": size(320),
    "anchors of COCO": COCO,
    "one anchor a level, from 16 px": FINER,
    "one anchor a level, another seed": FINER | {"SEED": "1"},
    "masks of 56 x 56": {"MODEL.ROI_MASK_HEAD.POOLER_RESOLUTION": "28"},
    "no flips": {"INPUT.RANDOM_FLIP": "none"},
    "Good as often as Bad": {"DATALOADER.SAMPLER_TRAIN": "TrainingSampler"},
    "stem and res2 train": {"MODEL.BACKBONE.FREEZE_AT": "0"},
    "bfloat16": {"SOLVER.AMP.ENABLED": "True"},
    "bfloat16, another seed": {"SOLVER.AMP.ENABLED": "True", "SEED": "1"},
}
GATES: dict[str, dict[str, str]] = {
    "gate, reference": {},
    "gate, another seed": {"SEED": "1"},
    "gate of 112 px": {"GATE.IMAGE_SIZE": "112"},
    "gate of 224 px": {"GATE.IMAGE_SIZE": "224"},
}
GATE_LABELS, GATE_SEED = 8_000, 61  # a seed of no other set in this project
Metrics = dict[str, tuple[str, str, str, int]]
DETECTOR_METRICS: Metrics = {
    "mask AP": ("rendered", "segm", "AP", 1),
    "AP50": ("rendered", "segm", "AP50", 1),
    "AP, thin": ("rendered", "segm", "AP_thin", 1),
    "length found": ("rendered", "pixel", "skeleton_recall", 3),
    "AUC, area": ("rendered", "image", "area_AUC", 3),
    "AP50, real": ("real", "segm", "AP50", 1),
    "length found, real": ("real", "pixel", "skeleton_recall", 3),
    "AUC, area, real": ("real", "image", "area_AUC", 3),
}
GATE_METRICS: Metrics = {
    "AUC": ("rendered", "gate", "roc_auc", 3),
    "AP of Bad": ("rendered", "gate", "average_precision", 3),
    "AUC, real": ("real", "gate", "roc_auc", 3),
    "AP of Bad, real": ("real", "gate", "average_precision", 3),
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", required=True, type=Path, metavar="DIR")
    parser.add_argument("--iterations", type=int, default=250)
    parser.add_argument("--real", type=Path, metavar="FOLDER", help="with good/ and bad/")
    parser.add_argument("--only", nargs="+", choices=[*DETECTORS, *GATES], metavar="NAME")
    parser.add_argument("--engine", default="auto")
    return parser.parse_args()


def measure(args: argparse.Namespace, name: str) -> dict[str, dict]:
    """Return figures by "rendered" and "real", and "ms" an image in training.

    They are read if they were measured before.
    """
    folder = args.output / name.replace(" ", "_")
    done = folder / "ablation.json"
    if not done.is_file():
        found = (measure_gate if name in GATES else measure_detector)(args, name, folder)
        done.write_text(json.dumps(found))
    return {**json.loads(done.read_text()), "ms": pace(folder)}


def measure_detector(args: argparse.Namespace, name: str, folder: Path) -> dict[str, dict]:
    keys = {
        "SOLVER.MAX_ITER": str(args.iterations),
        "SOLVER.WARMUP_ITERS": "50",
        "SOLVER.CHECKPOINT_PERIOD": "50",
        "OUTPUT_DIR": str(folder),
        **DETECTORS[name],
    }
    start = {"MODEL.WEIGHTS": str(write_start(args.output)), "DATASETS.TEST": "()"}
    tool = ["tools/train_net.py", "--engine", args.engine]
    call(tool, ["--resume"], keys, start)
    found = {}
    for kind, data, root in places(args):
        where = {"DATASETS.TEST": f"('{data}',)", "SCRATCH.DATA_ROOT": str(root)}
        where |= {"SCRATCH.AREA_SCALING": "none"}  # without a gate there is no p(Bad) to scale by
        call(tool, ["--eval-only"], keys, where)
        found[kind] = json.loads((folder / "inference" / "evaluation.json").read_text())
    return found


def write_start(output: Path) -> Path:
    """Write START without what the anchors shape, so that all settings begin alike."""
    model = read_checkpoint(START)["model"]
    kept = {name: value for name, value in model.items() if not any(e in name for e in RPN_ENDS)}
    output.mkdir(parents=True, exist_ok=True)
    return save_atomically({"model": kept}, output / "start.pth")


def measure_gate(args: argparse.Namespace, name: str, folder: Path) -> dict[str, dict]:
    """Train for one epoch, on labels of its own: an epoch of the reference set takes too long."""
    labels = args.output / "labels"
    if not (labels / "annotations.json").is_file():
        write_dataset(labels, GATE_LABELS, GATE_SEED, 0.5, os.cpu_count() or 1)
    keys = {
        "DATASETS.TRAIN": "('scratch_text_all',)",
        "SCRATCH.DATA_ROOT": str(labels),
        "GATE.OUTPUT_DIR": str(folder),
        "GATE.EPOCHS": "1",
        **GATES[name],
    }
    call(["tools/train_gate.py"], ["--resume"], keys)
    gate, found = Gate.load(folder / "model_best.pth"), {}
    for kind, data, root in places(args):
        found[kind] = {"gate": ranking_metrics(*score(gate, find_dataset_dicts(str(root or data))))}
    return found


def places(args: argparse.Namespace) -> list[tuple[str, str, Path | str]]:
    """Return what to evaluate on: kind, registered name, and its folder if that is given."""
    real = [("real", REAL, args.real)] if args.real else []
    return [("rendered", VAL, ""), *real]


def call(tool: list[str], options: list[str], *keys: dict[str, str]) -> None:
    opts = [word for group in keys for pair in group.items() for word in pair]
    command = [sys.executable, *tool, "--config-file", CONFIG, *options, *opts]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def pace(folder: Path) -> float:
    """Return the median of the milliseconds that training spends on an image, over its log."""
    lines = [json.loads(line) for line in (folder / "metrics.json").read_text().splitlines()]
    gate = [1000 / line["images_per_second"] for line in lines if "images_per_second" in line]
    return median(gate or [1000 / BATCH * line["time"] for line in lines if "time" in line])


def to_markdown(runs: dict[str, dict], metrics: Metrics) -> str:
    measured = next(iter(runs.values()))
    columns = {title: where for title, where in metrics.items() if where[0] in measured}
    rows = []
    for name, results in runs.items():
        cells = [
            show(results[kind].get(task, {}).get(metric), digits)
            for kind, task, metric, digits in columns.values()
        ]
        rows.append([name, *cells, f"{results['ms']:.0f}"])
    return format_table(rows, ["setting", *columns, "ms per image"], markdown=True)


def show(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def main() -> int:
    args = parse_args()
    for settings, metrics in ((DETECTORS, DETECTOR_METRICS), (GATES, GATE_METRICS)):
        runs: dict[str, dict] = {}
        for name in settings:
            if args.only is None or name in args.only:
                runs[name] = measure(args, name)
                print(f"\n{to_markdown(runs, metrics)}", flush=True)
    return 0


if __name__ == "__main__":
    run(main)
