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
    """Return the gate of a checkpoint; None if there is no checkpoint.

    Raises FileNotFoundError, or ValueError naming the file, as `scratch_d2.gate.model.Gate.load`.
    """
    if weights is None:
        return None
    from scratch_d2.gate.model import Gate

    return Gate.load(weights, device, precision)


def score_images(gate: GateScorer, images: list[np.ndarray]) -> tuple[np.ndarray, list[str | None]]:
    """Return p(Bad) [N] in 0..1 of N images, and for each why it cannot be called Good, or None.

    A gate that does not know what Good images look like doubts none.
    """
    familiarity, look = (getattr(gate, name, None) for name in ("familiarity", "look"))
    if familiarity is None or look is None:
        return gate(images), [None] * len(images)
    p_bad, features = look(images)
    return p_bad, [familiarity.doubt(distance) for distance in familiarity.distances(features)]


def image_check_of(gate: GateScorer | None) -> ImageCheck | None:
    """Return the limits that a gate learnt; None without a gate, or for one that has none."""
    limits = getattr(gate, "info", {}).get("image_check")
    return ImageCheck.from_dict(limits) if limits else None
