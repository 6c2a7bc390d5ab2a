#!/usr/bin/env python3
"""What each setting of the reference recipe is worth: one changed at a time, all else equal.

    DETECTRON2_DATASETS=runs/reference/datasets benchmarks/ablation.py --start GATE \
        --output runs/ablation [--iterations 400] [--real /data/real] [--only NAME ...]

Trains configs/reference/mask_rcnn_R_50_half_FPN.yaml for some iterations, from the backbone of one
gate and from one seed, and evaluates on rendered labels for validation, and on a folder of real
ones where given; no threshold is chosen. Prints a table after each setting, sorted as listed here.
What is trained already is not trained again, and a run that was killed goes on.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from scratch_d2.cli import run

CONFIG = "configs/reference/mask_rcnn_R_50_half_FPN.yaml"
VAL, REAL = "scratch_synth_val", "scratch_text_all"
FINER = {"MODEL.ANCHOR_GENERATOR.SIZES": "[[16], [32], [64], [128], [256]]"}
COCO = {
    "MODEL.ANCHOR_GENERATOR.SIZES": "[[32], [64], [128], [256], [512]]",
    "MODEL.ANCHOR_GENERATOR.ASPECT_RATIOS": "[[0.5, 1.0, 2.0]]",
}


def size(pixels: int) -> dict[str, str]:
    train = {"INPUT.MIN_SIZE_TRAIN": f"({pixels},)", "INPUT.MAX_SIZE_TRAIN": str(pixels)}
    return train | {"INPUT.MIN_SIZE_TEST": str(pixels), "INPUT.MAX_SIZE_TEST": str(pixels)}


SETTINGS: dict[str, dict[str, str]] = {
    "reference": {},
    "image of 192 px": size(192),
    "image of 320 px": size(320),
    "anchors of COCO": COCO,
    "one anchor a level, from 16 px": FINER,
    "masks of 56 x 56": {"MODEL.ROI_MASK_HEAD.POOLER_RESOLUTION": "28"},
    "no flips": {"INPUT.RANDOM_FLIP": "none"},
    "Good as often as Bad": {"DATALOADER.SAMPLER_TRAIN": "TrainingSampler"},
    "no Good": {"DATALOADER.FILTER_EMPTY_ANNOTATIONS": "True"},
    "stem and res2 train": {"MODEL.BACKBONE.FREEZE_AT": "0"},
}
FIGURES = {
    "mask AP": ("segm", "AP", 1),
    "AP50": ("segm", "AP50", 1),
    "AP, thin": ("segm", "AP_thin", 1),
    "length found": ("pixel", "skeleton_recall", 3),
    "AUC, area": ("image", "area_AUC", 3),
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--start", required=True, type=Path, metavar="GATE", help="a checkpoint")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR")
    parser.add_argument("--iterations", type=int, default=400)
    parser.add_argument("--real", type=Path, metavar="FOLDER", help="with good/ and bad/")
    parser.add_argument("--only", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--engine", default="auto")
    return parser.parse_args()


def train_and_evaluate(args: argparse.Namespace, name: str) -> dict[str, dict]:
    """Return figures by "rendered" and "real", and "minutes" of training, read where they exist."""
    folder = args.output / name.replace(" ", "_").replace(":", "_")
    done = folder / "ablation.json"
    if done.is_file():
        return json.loads(done.read_text())
    keys = {
        "SOLVER.MAX_ITER": str(args.iterations),
        "SOLVER.CHECKPOINT_PERIOD": "100",
        "OUTPUT_DIR": str(folder),
        **SETTINGS[name],
    }
    begin = time.perf_counter()
    call(args, "--resume", keys, {"MODEL.WEIGHTS": str(args.start), "DATASETS.TEST": "()"})
    found: dict = {"minutes": (time.perf_counter() - begin) / 60}
    for kind, dataset, root in (("rendered", VAL, None), ("real", REAL, args.real)):
        if kind == "real" and not root:
            continue
        where = {"SCRATCH.DATA_ROOT": str(root)} if root else {}
        call(args, "--eval-only", keys, where | {"DATASETS.TEST": f"('{dataset}',)"})
        found[kind] = json.loads((folder / "inference" / "evaluation.json").read_text())
    done.write_text(json.dumps(found))
    return found


def call(args: argparse.Namespace, mode: str, *keys: dict[str, str]) -> None:
    opts = [word for group in keys for pair in group.items() for word in pair]
    tool = ["tools/train_net.py", "--config-file", CONFIG, "--engine", args.engine, mode]
    subprocess.run([sys.executable, *tool, *opts], check=True, stdout=subprocess.DEVNULL)


def to_markdown(runs: dict[str, dict]) -> str:
    kinds = [kind for kind in ("rendered", "real") if kind in next(iter(runs.values()))]
    titles = [f"{title}, {kind}" for kind in kinds for title in FIGURES]
    lines = [f"| setting | {' | '.join(titles)} | minutes |"]
    lines.append(f"|---|{'---:|' * (len(titles) + 1)}")
    for name, found in runs.items():
        cells = [
            show(found[kind].get(task, {}).get(figure), digits)
            for kind in kinds
            for task, figure, digits in FIGURES.values()
        ]
        lines.append(f"| {name} | {' | '.join(cells)} | {found['minutes']:.0f} |")
    return "\n".join(lines)


def show(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def main() -> int:
    args = parse_args()
    runs: dict[str, dict] = {}
    for name in args.only:
        runs[name] = train_and_evaluate(args, name)
        print(f"\n{to_markdown(runs)}", flush=True)
    return 0


if __name__ == "__main__":
    run(main)
