"""Measure how far bfloat16 is from float32, and whether asking again where it is close is enough.

python benchmarks/precision.py --config-file C --weights W --gate G --input FOLDER... [--images N]

Scores and inspects photographs in both. Prints the differences of p(Bad) in logits and of scratch
areas, how many decisions differ, how many of these `gate_is_close` and `verdict_is_close` see, and
how many images are asked again for that. Thresholds are those beside W.
"""

import argparse
import random
import time
import warnings

import numpy as np
import torch

from scratch_d2.config import load_config
from scratch_d2.data.images import read_image
from scratch_d2.engines import get_engine
from scratch_d2.gate import Gate
from scratch_d2.inspection.inputs import find_sources
from scratch_d2.inspection.verdict import (
    Thresholds,
    adopt_saved_thresholds,
    gate_is_close,
    judge,
    measure_area,
    passes_gate,
    verdict_is_close,
)

PRECISIONS = ("float32", "bfloat16")


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config-file", required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--gate", required=True)
    parser.add_argument("--input", required=True, nargs="+")
    parser.add_argument("--images", type=int, default=400, help="drawn from all, seeded")
    parser.add_argument(
        "--detector-images", type=int, default=200, help="of these, for the detector"
    )
    parser.add_argument("opts", nargs=argparse.REMAINDER)
    return parser.parse_args()


def in_both(make, images, size):
    """Results of both precisions for every image, and the seconds each of them took."""
    models, results, seconds = [make(name) for name in PRECISIONS], ([], []), [0.0, 0.0]
    for start in range(0, len(images), size):
        for turn in range(2):
            index = (turn + start // size) % 2
            begin = time.perf_counter()
            results[index].extend(models[index](images[start : start + size]))
            seconds[index] += time.perf_counter() - begin
    return results, seconds


def tell(what, differ, close, seconds, count):
    missed = sum(d and not c for d, c in zip(differ, close))
    print(
        f"  {what}: {sum(differ)} of {count} differ, {missed} of them not seen as close; "
        f"{sum(close)} asked again; float32 takes {seconds[0] / seconds[1]:.2f} times as long"
    )


def compare_gates(args, images, thresholds):
    (exact, fast), seconds = in_both(
        lambda name: Gate.load(args.gate, "cpu", name), images, size=16
    )
    one, other = (
        np.log(np.clip(p, 1e-7, 1 - 1e-7) / np.clip(1 - p, 1e-7, 1))
        for p in map(np.array, (exact, fast))
    )
    apart = np.abs(one - other)
    print(
        f"gate, {len(images)} images: logits differ by {np.median(apart):.3f} in the median, "
        f"{np.quantile(apart, 0.99):.3f} at 99%, {apart.max():.3f} at most"
    )
    differ = [passes_gate(p, thresholds) != passes_gate(q, thresholds) for p, q in zip(exact, fast)]
    close = [gate_is_close(float(q), thresholds) for q in fast]
    tell(f"passing below {thresholds.gate_skip:g}", differ, close, seconds, len(images))


def compare_detectors(args, cfg, images, thresholds):
    engine = get_engine(cfg.SCRATCH.ENGINE)
    (exact, fast), seconds = in_both(
        lambda name: engine.load(cfg, args.weights, name), images, size=4
    )
    areas = np.array([[measure_area(p, thresholds) for p in found] for found in (exact, fast)])
    seen = areas.min(axis=0) > 0
    apart = np.abs(areas[0] - areas[1])[seen] / areas[0][seen]
    at = np.quantile(apart, [0.5, 0.9, 0.99, 1]) if seen.any() else np.zeros(4)
    print(
        f"detector, {len(images)} images: areas differ by {at[0]:.1%} in the median, {at[1]:.1%} "
        f"at 90%, {at[2]:.1%} at 99%, {at[3]:.1%} at most ({seen.sum()} with scratches in both)"
    )
    tops = np.array([[max(p.scores, default=0.0) for p in found] for found in (exact, fast)])
    steps = np.abs(tops[0] - tops[1])
    print(
        f"  highest scores differ by {np.median(steps):.4f} in the median, "
        f"{np.quantile(steps, 0.99):.4f} at 99%, {steps.max():.4f} at most"
    )
    labels = [[judge(p, None, thresholds).label for p in found] for found in (exact, fast)]
    differ = [a != b for a, b in zip(*labels)]
    close = [verdict_is_close(p, thresholds) for p in fast]
    tell("verdicts", differ, close, seconds, len(images))


def main():
    args = parse_args()
    warnings.simplefilter("ignore")
    opts = ["MODEL.DEVICE", "cpu", *args.opts, "GATE.WEIGHTS", args.gate]
    cfg = load_config(args.config_file, opts)
    adopt_saved_thresholds(cfg, args.weights, opts)
    thresholds = Thresholds.from_config(cfg)
    sources = list(find_sources(args.input))
    random.Random(0).shuffle(sources)
    images = [read_image(source.path) for source in sources[: args.images]]
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; {thresholds}")
    compare_gates(args, images, thresholds)
    compare_detectors(args, cfg, images[: args.detector_images], thresholds)


if __name__ == "__main__":
    main()
