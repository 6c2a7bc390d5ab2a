"""Load the gate without importing torch until there is one to load."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np

from scratch_d2.gate.familiarity import Familiarity
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


def score_images(gate: GateScorer, images: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return p(Bad) [N] in 0..1 of N images, and how far each is from Good ones, [N] float64.

    The distances are those of `familiarity_of`, and 0 for a gate that does not know Good images.
    """
    familiarity = familiarity_of(gate)
    if familiarity is None:
        return gate(images), np.zeros(len(images))
    p_bad, features = cast(Any, gate).look(images)
    return p_bad, familiarity.distances(features)


def familiarity_of(gate: GateScorer | None) -> Familiarity | None:
    """Return what a gate knows of Good images; None without a gate, or for one that knows none."""
    return getattr(gate, "familiarity", None) if hasattr(gate, "look") else None


def image_check_of(gate: GateScorer | None) -> ImageCheck | None:
    """Return the limits that a gate learnt; None without a gate, or for one that has none."""
    limits = getattr(gate, "info", {}).get("image_check")
    return ImageCheck.from_dict(limits) if limits else None
