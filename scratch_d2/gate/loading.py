"""Load the gate without importing torch until there is one to load."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

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
