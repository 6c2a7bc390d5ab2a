#!/usr/bin/env python3
"""Gate and detector in every runtime against torch: processor time on the same photographs.

    scratch-d2 export --to onnx --output runs/onnx
    scratch-d2 export --to openvino --output runs/openvino
    benchmarks/bundles.py --bundles runs/onnx runs/openvino --input FOLDER

Each runtime has one thread. All take their turn on each batch, in an order that rotates, so that
whatever else the machine does strikes all alike. Measured is the time of the processor, not of the
clock: on a busy machine a runtime also waits for its turn. Every ratio is that of the medians, over
torch as it was trained. Photographs of a size that a runtime has not seen yet count too: OpenVINO
compiles for it. The detector looks at the images that the gate does not call Good.
"""

import argparse
import itertools
import platform
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from scratch_d2.bundles.loading import load_bundle
from scratch_d2.bundles.models import BundleDetector, BundleGate
from scratch_d2.bundles.sessions import SUFFIXES, open_session
from scratch_d2.checkpoints.precision import pick_precision
from scratch_d2.cli.common import run
from scratch_d2.config import load_config
from scratch_d2.data.images import read_image
from scratch_d2.engines import get_engine
from scratch_d2.gate.loading import load_gate
from scratch_d2.inspection.inputs import find_files
from scratch_d2.structures.areas import measure_area
from scratch_d2.utils.bundled import PRETRAINED, reference_weights
from scratch_d2.utils.tables import format_table

Model = Callable[[list[np.ndarray]], Any]
GATE_BATCH = 8


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundles", nargs="+", required=True, metavar="FOLDER")
    parser.add_argument("--input", nargs="+", required=True, metavar="FOLDER|FILE")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def torch_models() -> dict[str, tuple[Model, Model]]:
    cfg = load_config(PRETRAINED, ["MODEL.DEVICE", "cpu", *reference_weights()])
    engine, fast = get_engine("embedded"), pick_precision("auto", torch.device("cpu"))
    return {
        f"torch, {name}": (
            load_gate(cfg.GATE.WEIGHTS, "cpu", name),
            engine.load(cfg, cfg.MODEL.WEIGHTS, name),
        )
        for name in dict.fromkeys(["exact", "float32", fast])
    }


def exported_models(folder: str, bfloat16: bool) -> dict[str, tuple[Model, Model]]:
    bundle = load_bundle(folder, threads=1)
    suffix, models = SUFFIXES[bundle.manifest.kind], {}
    runtimes = {"ONNX Runtime": ("onnxruntime", {})} if suffix == ".onnx" else {}
    runtimes["OpenVINO"] = ("openvino", {"NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": 1})
    if bfloat16 and suffix == ".xml":
        options = {**runtimes["OpenVINO"][1], "INFERENCE_PRECISION_HINT": "bf16"}
        runtimes["OpenVINO, bfloat16"] = ("openvino", options)
    for name, (runtime, options) in runtimes.items():
        gate, detector = (
            open_session(bundle.folder / f"{what}{suffix}", runtime, 1, options)
            for what in ("gate", "detector")
        )
        models[f"{name}, {suffix}"] = (
            BundleGate(gate, bundle.manifest.gate),
            BundleDetector(detector, **bundle.manifest.detector),
        )
    return models


def measure(models: dict[str, Model], batches: list, rounds: int) -> dict[str, list[float]]:
    """Return seconds per image of every batch in every round, by name."""
    seconds: dict[str, list[float]] = defaultdict(list)
    names = itertools.cycle(models)
    for turn in range(rounds + 1):
        for batch in batches:
            for name in itertools.islice(names, len(models)):
                begin = time.process_time()
                models[name](batch)
                if turn:  # the first round warms up
                    seconds[name].append((time.process_time() - begin) / len(batch))
            next(names)
    return seconds


def print_table(title: str, seconds: dict[str, list[float]], apart: dict[str, str]) -> None:
    slowest = float(np.median(seconds["torch, exact"]))
    rows = []
    for name, differs in apart.items():
        median = float(np.median(seconds[name]))
        rows.append([name, f"{1000 * median:.1f}", f"{slowest / median:.2f}", differs])
    headers = [title, "ms of processor time per image", "times as fast as torch, exact", "differs"]
    print(format_table(rows, headers, markdown=True), end="\n\n")


def main() -> int:
    args = parse_args()
    torch.set_num_threads(1)
    models = torch_models()
    bfloat16 = pick_precision("auto", torch.device("cpu")) == "bfloat16"
    for folder in args.bundles:
        models |= exported_models(folder, bfloat16)
    thresholds = load_bundle(args.bundles[0]).thresholds
    files = list(find_files(args.input))
    images = [read_image(f.path) for f in files[:: max(1, len(files) // args.images)]]
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}")
    print(f"{len(images)} photographs, one thread, {args.rounds} rounds\n")
    gates = {name: pair[0] for name, pair in models.items()}
    scores = {name: gate(images) for name, gate in gates.items()}
    exact = scores["torch, exact"]
    apart = {name: f"p(Bad) by {np.abs(p - exact).max():.1e}" for name, p in scores.items()}
    batches = [images[at : at + GATE_BATCH] for at in range(0, len(images), GATE_BATCH)]
    print_table("gate", measure(gates, batches, args.rounds), apart)
    doubtful = [i for i, p in zip(images, exact) if p >= thresholds.gate_threshold]
    detectors = {name: pair[1] for name, pair in models.items()}
    areas = {
        name: np.array([measure_area(p, thresholds) for p in detector(doubtful)])
        for name, detector in detectors.items()
    }
    bad = {name: values >= thresholds.area for name, values in areas.items()}
    apart = {
        name: f"{(bad[name] != bad['torch, exact']).sum()} of {len(doubtful)} verdicts"
        for name in areas
    }
    singles = [[image] for image in doubtful]
    print_table("detector", measure(detectors, singles, args.rounds), apart)
    return 0


if __name__ == "__main__":
    run(main)
