"""Export the gate as one ONNX file, from letterboxed pixels to p(Bad), and check the file."""

import json
import os
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from scratch_d2.gate.model import Gate
from scratch_d2.gate.network import max_pool_logits
from scratch_d2.gate.preprocess import LETTERBOX, STRIDE
from scratch_d2.utils.onnx_files import add_metadata, import_onnx, trace_to_onnx

INPUT, OUTPUTS = "images", ("p_bad", "features")
# The largest accepted difference of p(Bad).
TOLERANCE = 1e-4
CHECKED_BATCHES = (1, 2, 5)


class _FromPixels(nn.Module):
    """The gate after the letterbox."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self.network, self.preprocessing = gate.model, gate.preprocessing
        self.stride = gate.stride

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return p(Bad) [N] and features [N, C], float32, of letterboxed [N, 3, H, W] uint8 RGB."""
        final, finer = self.network.features(self.preprocessing.normalise(images))
        p_bad = max_pool_logits(self.network.judge(final, finer)).sigmoid()
        return p_bad, self.network.mean_features(final, finer, self.stride)


def export_gate(weights: str | Path, output: str | Path) -> float:
    """Write a gate's checkpoint as ONNX, and return the largest difference of p(Bad).

    The file takes `images`, letterboxed uint8 [N, 3, H, W] RGB for any N and H, and returns
    `p_bad`, float32 [N] in 0..1. Its metadata hold "preprocessing" and "gate" as JSON, and
    "letterbox", which says in words how to letterbox.

    Raises:
        ImportError: onnx or onnxruntime is not installed.
        ValueError: the file gives other scores than the network; it is not kept.
        FileNotFoundError, ValueError: as `Gate.load`.
    """
    onnxruntime = import_onnx()
    gate, output = Gate.load(weights), Path(output)
    part = output.with_name(f".{output.name}.part")
    try:
        _write(_FromPixels(gate).eval(), gate.preprocessing.image_size, part)
        add_metadata(part, _metadata(gate))
        difference = _largest_difference(onnxruntime, part, gate)
        if not difference <= TOLERANCE:
            raise ValueError(
                f"the exported gate differs from {str(weights)!r} by {difference:.1e} in p(Bad); "
                f"accepted is {TOLERANCE:g}; it was not kept"
            )
        os.replace(part, output)
    finally:
        part.unlink(missing_ok=True)
    return difference


def _write(network: nn.Module, size: int, path: Path) -> None:
    example = torch.zeros(2, 3, size, size, dtype=torch.uint8)
    axes = {INPUT: {0: "count", 2: "height"}, **{name: {0: "count"} for name in OUTPUTS}}
    trace_to_onnx(network, example, path, INPUT, OUTPUTS, axes)


def _metadata(gate: Gate) -> dict[str, str]:
    return {
        "preprocessing": json.dumps(gate.preprocessing.to_dict()),
        "gate": json.dumps(gate.info, default=str),
        "letterbox": LETTERBOX,
    }


def _largest_difference(onnxruntime: Any, path: Path, gate: Gate) -> float:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    random, size = np.random.default_rng(0), gate.preprocessing.image_size
    largest = 0.0
    for count, height in product(CHECKED_BATCHES, sorted({min(STRIDE, size), size})):
        images = random.integers(0, 256, (count, 3, height, size), dtype=np.uint8)
        # Noise alone would give equal scores: half of the images get a large dark area.
        images[::2, ..., : size // 2] //= 8
        (p_bad,) = session.run(OUTPUTS[:1], {INPUT: images})
        expected = gate.logits(torch.from_numpy(images)).sigmoid().numpy()
        largest = max(largest, float(np.abs(p_bad - expected).max()))
    return largest
