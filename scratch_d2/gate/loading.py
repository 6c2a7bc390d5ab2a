"""Load the gate without importing torch until there is one to load."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from scratch_d2.gate.image_check import ImageCheck

# Returns p(Bad) [N] float32 in 0..1 of N images, HxWx3 uint8 RGB of any sizes.
GateScorer = Callable[[list[np.ndarray]], np.ndarray]


def load_gate(
    weights: str | Path | None, device: str = "cpu", precision: str = "exact"
) -> GateScorer | None:
    """Return the gate of a checkpoint; None where there is no checkpoint.

    Raises FileNotFoundError, or ValueError naming the file, as `scratch_d2.gate.model.Gate.load`.
    """
    if weights is None:
        return None
    from scratch_d2.gate.model import Gate

    return Gate.load(weights, device, precision)


def load_image_check(weights: str | Path | None) -> ImageCheck | None:
    """Return the limits that a gate's checkpoint holds; None without gate or limits."""
    if weights is None:
        return None
    from scratch_d2.checkpoints.files import read_checkpoint
    from scratch_d2.gate.model import gate_info

    limits = gate_info(read_checkpoint(weights), weights).get("image_check")
    return ImageCheck.from_dict(limits) if limits else None
