"""Measure how far faster numbers are from exact ones, and whether asking again is enough.

python benchmarks/precision.py --config-file C --weights W --gate G --input FOLDER...
    [--precision float32|bfloat16] [--images N] [KEY VALUE ...]

Scores and inspects photographs in both, on one thread, as a worker of tools/predict.py does. Prints
the differences of p(Bad) in logits, of scores and of scratch areas, how many decisions differ, how
many of these `gate_is_close` and `verdict_is_close` see, and how many images are asked again for
that. Thresholds are those beside W.
"""

import argparse
import random
import time
import warnings

import numpy as np
import torch

from scratch_d2.checkpoints.bundle import resolve_bundle
from scratch_d2.config import load_config
from scratch_d2.data.images import read_image
from scratch_d2.engines import get_engine
from scratch_d2.gate import Gate
from scratch_d2.inspection.inputs import find_files
from scratch_d2.inspection.margins import MARGINS, gate_is_close, verdict_is_close
from scratch_d2.structures.areas import measure_area
from scratch_d2.structures.verdict import area_label, gate_label


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config-file", required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--gate", required=True)
    parser.add_argument("--input", required=True, nargs="+")
    parser.add_argument("--precision", choices=list(MARGINS), default="bfloat16")
    parser.add_argument("--images", type=int, default=400, help="drawn from all, seeded")
    parser.add_argument(
        "--detector-images", type=int, default=200, help="of these, for the detector"
    )
    parser.add_argument("opts", nargs=argparse.REMAINDER)
    return parser.parse_args()


def in_both(args, make, images, size):
    """Results of both precisions for every image, and the seconds each of them took."""
    models = [make(name) for name in ("exact", args.precision)]
    results, seconds = ([], []), [0.0, 0.0]
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
        f"{sum(close)} asked again; exact takes {seconds[0] / seconds[1]:.2f} times as long"
    )


def compare_gates(args, images, thresholds):
    (exact, fast), seconds = in_both(
        args, lambda name: Gate.load(args.gate, "cpu", name), images, size=16
    )
    one, other = (
        np.log(np.clip(p, 1e-7, 1 - 1e-7) / np.clip(1 - p, 1e-7, 1))
        for p in map(np.array, (exact, fast))
    )
    apart = np.abs(one - other)
    print(
        f"gate, {len(images)} images: logits differ by {np.median(apart):.1e} in the median, "
        f"{np.quantile(apart, 0.99):.1e} at 99%, {apart.max():.1e} at most"
    )
    differ = [gate_label(p, thresholds) != gate_label(q, thresholds) for p, q in zip(exact, fast)]
    close = [gate_is_close(float(q), thresholds, MARGINS[args.precision]) for q in fast]
    tell(f"passing below {thresholds.gate_threshold:g}", differ, close, seconds, len(images))
    return [exact, fast]


def compare_detectors(args, cfg, images, p_bads, thresholds):
    """Compare the verdicts of the area rule; p_bads are the scores of both gates."""
    engine = get_engine(cfg.SCRATCH.ENGINE)
    (exact, fast), seconds = in_both(
        args, lambda name: engine.load(cfg, args.weights, name), images, size=4
    )
    areas = np.array([[measure_area(p, thresholds) for p in found] for found in (exact, fast)])
    seen = areas.min(axis=0) > 0
    apart = np.abs(areas[0] - areas[1])[seen] / areas[0][seen]
    at = np.quantile(apart, [0.5, 0.9, 0.99, 1]) if seen.any() else np.zeros(4)
    print(
        f"detector, {len(images)} images: areas differ by {at[0]:.2%} in the median, {at[1]:.2%} "
        f"at 90%, {at[2]:.2%} at 99%, {at[3]:.2%} at most ({seen.sum()} with scratches in both)"
    )
    tops = np.array([[max(p.scores, default=0.0) for p in found] for found in (exact, fast)])
    steps = np.abs(tops[0] - tops[1])
    print(
        f"  highest scores differ by {np.median(steps):.1e} in the median, "
        f"{np.quantile(steps, 0.99):.1e} at 99%, {steps.max():.1e} at most"
    )
    labels = [
        [area_label(area, float(p), thresholds) for area, p in zip(*pair)]
        for pair in zip(areas, p_bads)
    ]
    differ = [a != b for a, b in zip(*labels)]
    near = (thresholds, MARGINS[args.precision])
    close = [verdict_is_close(found, float(p), *near) for found, p in zip(fast, p_bads[1])]
    tell("verdicts", differ, close, seconds, len(images))


def main():
    args = parse_args()
    warnings.simplefilter("ignore")
    opts = ["MODEL.DEVICE", "cpu", *args.opts, "GATE.WEIGHTS", args.gate]
    opts += ["MODEL.WEIGHTS", args.weights]
    cfg = load_config(args.config_file, opts)
    thresholds = resolve_bundle(cfg, opts).thresholds
    sources = list(find_files(args.input))
    random.Random(0).shuffle(sources)
    images = [read_image(source.path) for source in sources[: args.images]]
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, {args.precision} against exact; {thresholds}")
    p_bads = compare_gates(args, images, thresholds)
    compare_detectors(args, cfg, images[: args.detector_images], p_bads, thresholds)


if __name__ == "__main__":
    main()
