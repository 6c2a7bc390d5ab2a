#!/usr/bin/env python3
"""What training on from the reference models gains on labels of another font, in other light.

    benchmarks/fine_tuning.py --output runs/fine_tuning [--images 600]

Renders labels in DejaVu Sans Bold, dims them from one side and tints them, as no reference model
has seen them. Judges a held-back half with the models in weights/ as they are, then with the same
trained on by `make fine-tune` with the other half; the thresholds of the first are those beside it,
of the second those it has chosen on its validation part. Labels and training that are there already
are not made again.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image

from scratch_d2.cli.common import run
from scratch_d2.data.images import read_image
from scratch_d2.evaluation.comparison import compare_runs
from scratch_d2.synthetic.dataset import write_dataset

FONT = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans-Bold.ttf"
CONFIG = "configs/reference/pretrained.yaml"
# Seeds of no other set in this project.
PARTS = {"train": 51, "val": 52, "test": 53}
TINT = np.array([1.0, 0.93, 0.78])  # of a filament lamp, RGB
DARKEST = 0.35  # of the light that the far side gets


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", required=True, type=Path, metavar="DIR")
    parser.add_argument("--images", type=int, default=600, help="half of them for the test")
    return parser.parse_args()


def relight(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Light an HxWx3 uint8 RGB photograph from its left or right by a lamp near by."""
    ramp = np.linspace(1.0, DARKEST, image.shape[1])[:: rng.choice([1, -1])]
    return np.rint(image * ramp[None, :, None] * TINT).astype(np.uint8)


def write_labels(output: Path, images: int) -> Path:
    """Render train/ (a third of the images), val/ (a sixth) and test/ (half), 40% of them Bad."""
    counts = {"train": images // 3, "val": images // 6, "test": images // 2}
    root, workers = output / "labels", os.cpu_count() or 1
    for part, seed in PARTS.items():
        rendered = output / "rendered" / part
        write_dataset(rendered, counts[part], seed, 0.4, workers, fonts=[FONT])
        shutil.copytree(rendered, root / part, dirs_exist_ok=True)
        rng = np.random.default_rng(seed)
        for kind in ("good", "bad"):
            for file in sorted((rendered / kind).iterdir()):
                lit = relight(read_image(file), rng)
                Image.fromarray(lit).save(root / part / kind / file.name)
    return root


def evaluate(root: Path, folder: Path) -> None:
    opts = ["SCRATCH.DATA_ROOT", str(root), "DATASETS.TEST", "('scratch_text_test',)"]
    opts += ["OUTPUT_DIR", str(folder)]
    call([sys.executable, "tools/train_net.py", "--config-file", CONFIG, "--eval-only", *opts])


def call(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def main() -> int:
    args = parse_args()
    root, tuned = write_labels(args.output, args.images), args.output / "tuned"
    released = args.output / "as_released"
    evaluate(root, released)
    call(["make", "--silent", "fine-tune", f"DATA={root}", f"RUN={tuned}"])
    print(compare_runs([released, tuned / "detector"]), end="")
    return 0


if __name__ == "__main__":
    run(main)
