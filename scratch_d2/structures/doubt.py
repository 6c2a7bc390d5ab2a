"""How far gate and area rule are from changing their minds, in logarithms of odds and of areas."""

import numpy as np

from scratch_d2.structures.scaling import scale_area
from scratch_d2.structures.thresholds import Thresholds

# Scores of 0 and 1 are taken for these, so that their log-odds are finite.
LEAST = 1e-6


def log_odds(p: np.ndarray | float) -> np.ndarray:
    """Return log(p / (1 - p)) of scores in 0..1, finite at both ends."""
    p = np.clip(p, LEAST, 1 - LEAST)
    return np.log(p) - np.log1p(-p)


def log_area(area: np.ndarray | float, thresholds: Thresholds) -> np.ndarray:
    """Return the logarithm of areas in the unit of the thresholds, 1 px or a millionth at least."""
    return np.log(np.maximum(area, 1.0 if thresholds.area_unit == "pixel" else LEAST))


def area_limit(thresholds: Thresholds) -> float:
    """Return the scaled area from which on an image is not Good by the area rule."""
    return min(thresholds.area, *(thresholds.review_band or (thresholds.area,)))


def area_margin(
    area: np.ndarray | float, p_bad: np.ndarray | float | None, thresholds: Thresholds
) -> np.ndarray:
    """Return log(area / limit), from 0 on not Good by the area rule.

    Args:
        area: [N] or one, in the unit of the thresholds.
        p_bad: likewise, in 0..1; it matters only if areas are scaled.
    """
    scaled = scale_area(area, p_bad, thresholds)
    return log_area(scaled, thresholds) - log_area(area_limit(thresholds), thresholds)


def gate_middle(thresholds: Thresholds) -> float:
    """Return the p(Bad) from which on the gate by itself leans to Bad.

    That is 0.5, or the gate threshold if it is higher, or the upper one if it is lower.
    """
    upper = thresholds.gate_upper_threshold
    return min(max(0.5, thresholds.gate_threshold), 1.0 if upper is None else upper)


def gate_margin(p_bad: np.ndarray | float, thresholds: Thresholds) -> np.ndarray:
    """Return how far scores of the gate are above its middle, in log-odds."""
    return log_odds(p_bad) - log_odds(gate_middle(thresholds))


def at_odds(
    area: np.ndarray | float, p_bad: np.ndarray | float, thresholds: Thresholds
) -> np.ndarray:
    """Return bool, whether the gate leans to Bad where the area rule says Good, or the reverse."""
    return (gate_margin(p_bad, thresholds) >= 0) != (area_margin(area, p_bad, thresholds) >= 0)
