"""Train with either engine, and half with each, from one start; needs Detectron2.

python benchmarks/engines_training.py --config-file C --weights W [--iterations N] [KEY VALUE ...]

Trains N iterations with each engine and hands both runs over to the other engine half way. Prints
mask AP and the largest difference of any weight for the four.
"""

import argparse
import contextlib
import os
import shutil
import tempfile
import warnings
from pathlib import Path

import torch

from scratch_d2.config import load_config
from scratch_d2.data import register_scratch_dataset
from scratch_d2.engines import get_engine
from scratch_d2.evaluation.settings import EvaluationSettings
from scratch_d2.synthetic.dataset import write_dataset

NAME = "benchmark_training"


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config-file", required=True)
    parser.add_argument("--weights", required=True, help="where all runs start")
    parser.add_argument("--iterations", type=int, default=200)
    parser.add_argument("--images", type=int, default=400, help="to train on; half as many to test")
    parser.add_argument("opts", nargs=argparse.REMAINDER)
    return parser.parse_args()


def config(args, output):
    cfg = load_config(args.config_file, ["MODEL.DEVICE", "cpu", *args.opts])
    cfg.DATASETS.TRAIN, cfg.DATASETS.TEST = [f"{NAME}_train"], [f"{NAME}_test"]
    cfg.MODEL.WEIGHTS, cfg.OUTPUT_DIR = args.weights, str(output)
    cfg.SOLVER.MAX_ITER, cfg.SOLVER.CHECKPOINT_PERIOD = args.iterations, args.iterations // 2
    cfg.SOLVER.STEPS = [args.iterations * 3 // 4]
    return cfg


def train(args, root, first, second=None):
    """Train with one engine, or continue with the second from the middle of the first one's run."""
    output = root / f"{first}_{second}"
    cfg = config(args, output)
    if second:
        output.mkdir()
        middle = f"model_{args.iterations // 2 - 1:07d}.pth"
        shutil.copy(root / f"{first}_None" / middle, output)
        (output / "last_checkpoint").write_text(middle)
    engine = get_engine(second or first)
    with contextlib.redirect_stdout(open(os.devnull, "w")):
        weights = engine.train(cfg, resume=bool(second))
        results = engine.evaluate(cfg, weights, EvaluationSettings.in_training(cfg))
    return results["segm"], torch.load(weights, weights_only=True)["model"]


def difference(first, second):
    return max(
        (value.double() - second[name].double()).abs().max() for name, value in first.items()
    )


def main():
    args = parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        os.environ["SCRATCH_D2_CACHE"] = str(root / "cache")
        for part, count, seed in (("train", args.images, 1), ("test", args.images // 2, 2)):
            write_dataset(root / part, count, bad_fraction=0.5, seed=seed, progress=False)
            register_scratch_dataset(f"{NAME}_{part}", root / part)
        reference = None
        print(f"{args.iterations} iterations           mask AP  AP50   weights differ by at most")
        for pair in (("d2",), ("embedded",), ("d2", "embedded"), ("embedded", "d2")):
            metrics, model = train(args, root, *pair)
            reference = reference or model
            values = (
                f"{metrics['AP']:7.2f} {metrics['AP50']:6.2f}   {difference(model, reference):.1e}"
            )
            print(f"{', then '.join(pair):25} {values}", flush=True)


if __name__ == "__main__":
    main()
