#!/usr/bin/env python3
"""How near exported models are to torch: scores, boxes, masks, verdicts, runtime by runtime.

    scratch-d2 export --to onnx --output runs/onnx
    scratch-d2 export --to openvino --output runs/openvino
    benchmarks/export_parity.py --bundles runs/onnx runs/openvino
    benchmarks/export_parity.py --bundles runs/onnx runs/openvino --input /data/real

Without --input it renders 200 labels, half of them Bad, and scales each at random, from a third to
four times its size. Every image goes through gate and detector of every runtime, and is judged with
the thresholds of the bundle.
"""

import argparse
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from scratch_d2.bundles.checking import Difference, compare_predictions
from scratch_d2.bundles.loading import load_bundle
from scratch_d2.cli.common import run
from scratch_d2.config import load_config
from scratch_d2.data.images import read_image
from scratch_d2.engines import get_engine
from scratch_d2.gate.loading import load_gate
from scratch_d2.inspection.inputs import find_files
from scratch_d2.structures.prediction import Prediction
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.structures.verdict import judge
from scratch_d2.synthetic.render import Spec, render
from scratch_d2.utils.bundled import PRETRAINED, reference_weights
from scratch_d2.utils.opencv import cv2
from scratch_d2.utils.tables import format_table

SCALES = (1 / 3, 4)


class Seen(NamedTuple):
    """What a gate and a detector say of one image."""

    p_bad: float
    prediction: Prediction


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundles", nargs="+", required=True, metavar="FOLDER")
    parser.add_argument("--input", nargs="+", metavar="FOLDER|FILE", help="instead of rendering")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--seed", type=int, default=5)
    return parser.parse_args()


def rendered(count: int, seed: int) -> Iterable[np.ndarray]:
    rng = np.random.default_rng(seed)
    for index in range(count):
        image = render(rng, Spec(bad=index % 2 == 0)).image
        scale = float(np.exp(rng.uniform(*np.log(SCALES))))
        height, width = (max(1, round(side * scale)) for side in image.shape[:2])
        yield cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def contenders(folders: list[str]) -> dict[str, tuple]:
    """Return gate and detector by name: torch as it was trained, then every runtime."""
    opts = ["MODEL.DEVICE", "cpu", *reference_weights()]
    cfg = load_config(PRETRAINED, opts)
    engine = get_engine("embedded")
    pairs = {"torch": (load_gate(cfg.GATE.WEIGHTS), engine.load(cfg, cfg.MODEL.WEIGHTS))}
    for folder in folders:
        kind = load_bundle(folder).manifest.kind
        for runtime in ("onnxruntime", "openvino") if kind == "onnx" else ("openvino",):
            bundle = load_bundle(folder, runtime=runtime)
            pairs[f"{kind} in {runtime}"] = (bundle.gate, bundle.detector)
    return pairs


def describe(expected: list[Seen], found: list[Seen], thresholds: Thresholds) -> list[object]:
    """Return a row of the table for one runtime."""
    p_bad = max(abs(one.p_bad - other.p_bad) for one, other in zip(expected, found))
    pairs = [s.prediction for s in expected], [s.prediction for s in found]
    apart: Difference = compare_predictions(*pairs)
    labels = [
        [judge(s.prediction, s.p_bad, thresholds).label for s in side] for side in (expected, found)
    ]
    equal = sum(map(str.__eq__, *labels))
    worst = [compare_predictions([one], [other]) for one, other in zip(*pairs)]
    beyond = sum(not each.accepted for each in worst)
    numbers = f"{p_bad:.1e}", f"{apart.scores:.1e}", f"{apart.boxes:.1e}", f"{apart.iou:.6f}"
    return [apart.detections, apart.unmatched, *numbers, beyond, f"{equal} of {apart.images}"]


def main() -> int:
    args = parse_args()
    models = contenders(args.bundles)
    if args.input:
        images = [read_image(file.path) for file in find_files(args.input)]
    else:
        images = list(rendered(args.images, args.seed))
    thresholds = load_bundle(args.bundles[0]).thresholds
    seen: dict[str, list[Seen]] = {name: [] for name in models}
    for image in images:
        for name, (gate, detector) in models.items():
            seen[name].append(Seen(float(gate([image])[0]), detector([image])[0]))
    sides = [max(image.shape[:2]) for image in images]
    print(f"{len(images)} images, longer sides of {min(sides)} to {max(sides)} px")
    columns = ["detections", "found by one only", "p(Bad)", "scores", "boxes, px", "least mask IoU"]
    columns += ["images beyond the limits", "equal verdicts"]
    rows = [
        [name, *describe(seen["torch"], found, thresholds)]
        for name, found in seen.items()
        if name != "torch"
    ]
    print(format_table(rows, ["against torch", *columns], markdown=True))
    return 0 if all(row[-2] == 0 for row in rows) else 1


if __name__ == "__main__":
    run(main)
