#!/usr/bin/env python3
"""The gate in 8-bit integers against float32, both in ONNX Runtime: decisions and time.

    scratch-d2 export --to onnx --output runs/onnx
    benchmarks/int8.py --bundle runs/onnx --calibrate FOLDER --input FOLDER [FOLDER ...]

Convolutions and matrix products are quantised (QDQ, weights per channel, activations by the range
that --calibrate shows). Measured is, on each --input folder, how many decisions of the gate change
at the two thresholds of the bundle, how many of these are not close, so that nobody would ask
again, and the time of the processor, in turns on the same batches.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from scipy.special import logit

from scratch_d2.bundles.loading import load_bundle
from scratch_d2.bundles.models import BundleGate
from scratch_d2.bundles.sessions import open_session
from scratch_d2.cli.common import run
from scratch_d2.data.images import read_image
from scratch_d2.inspection.inputs import find_files
from scratch_d2.utils.tables import format_table

CALIBRATED = 200
BATCH = 16


class Batches(CalibrationDataReader):
    """The inputs that a gate makes of photographs, one batch after the other."""

    def __init__(self, gate: BundleGate, files: list[str]) -> None:
        self.inputs: list[np.ndarray] = []
        watched = BundleGate(self._note, gate.info)
        for start in range(0, len(files), BATCH):
            watched([read_image(file) for file in files[start : start + BATCH]])
        self.places = iter(self.inputs)

    def _note(self, array: np.ndarray) -> list[np.ndarray]:
        self.inputs.append(array)
        return [np.zeros(len(array), np.float32), np.zeros((len(array), 1), np.float32)]

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next batch under the name of the graph's input."""
        array = next(self.places, None)
        return None if array is None else {"images": array}


def quantise(source: Path, target: Path, batches: Batches) -> None:
    """Write a model with 8-bit weights and activations."""
    prepared = target.with_suffix(".prepared.onnx")
    quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    quantize_static(
        str(prepared),
        str(target),
        batches,
        op_types_to_quantize=["Conv", "MatMul", "Gemm"],
        per_channel=True,
        weight_type=QuantType.QInt8,
        activation_type=QuantType.QUInt8,
        # Two products of 8 bits overflow 16 on processors without VNNI.
        reduce_range=True,
    )


def compare(
    exact: BundleGate, rough: BundleGate, folder: str, thresholds: list[float]
) -> list[str | int]:
    """Return a row of the table: what changes on the photographs of a folder, and the time."""
    files = [str(file.path) for file in find_files([folder])]
    scores: dict[str, list[np.ndarray]] = {"exact": [], "rough": []}
    seconds = {"exact": 0.0, "rough": 0.0}
    for start in range(0, len(files), BATCH):
        images = [read_image(file) for file in files[start : start + BATCH]]
        turns = [("exact", exact), ("rough", rough)]
        for name, gate in turns if start // BATCH % 2 else turns[::-1]:
            begin = time.process_time()
            scores[name].append(gate(images))
            seconds[name] += time.process_time() - begin
    before, after = (_logits(np.concatenate(scores[name])) for name in ("exact", "rough"))
    limits = _logits(np.array(thresholds))[:, None]
    changed = (before >= limits) != (after >= limits)
    distances = np.abs(after - limits)
    usual, most = np.quantile(np.abs(before - after), [0.5, 0.99])
    # As margins of bfloat16 are: twice what 99% of the differences stay below.
    close = distances < 2 * most
    return [
        *(Path(folder).name, len(files), int(changed.sum()), int((changed & ~close).sum())),
        *(f"{usual:.2f}", f"{most:.2f}", f"{close.any(axis=0).mean():.1%}"),
        *(f"{1000 * seconds[name] / len(files):.1f}" for name in ("exact", "rough")),
        f"{seconds['exact'] / seconds['rough']:.2f}",
    ]


def _logits(p_bad: np.ndarray) -> np.ndarray:
    return logit(np.clip(p_bad, 1e-6, 1 - 1e-6))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", required=True, type=Path, metavar="DIR")
    parser.add_argument("--calibrate", required=True, metavar="FOLDER")
    parser.add_argument("--input", required=True, nargs="+", metavar="FOLDER")
    args = parser.parse_args()
    bundle = load_bundle(args.bundle, runtime="onnxruntime", threads=1)
    exact, limits = bundle.gate, bundle.thresholds
    files = [str(file.path) for file in find_files([args.calibrate])]
    batches = Batches(exact, files[:: max(1, len(files) // CALIBRATED)])
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "gate.onnx"
        quantise(args.bundle / "gate.onnx", target, batches)
        rough = BundleGate(open_session(target, "onnxruntime", 1), exact.info)
        thresholds = [limits.gate_threshold, limits.gate_upper_threshold]
        rows = [compare(exact, rough, each, thresholds) for each in args.input]
    head = ["photographs", "number", "decided otherwise", "of these not close"]
    head += ["difference in logits, median", "99%", "close", "float32, ms", "int8, ms", "ratio"]
    print(format_table(rows, head, markdown=True))
    return 0


if __name__ == "__main__":
    run(main)
