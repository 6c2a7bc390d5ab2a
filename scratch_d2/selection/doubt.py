"""How doubtful verdicts are: near a threshold, or with gate and detector at odds."""

import numpy as np

from scratch_d2.structures.thresholds import Thresholds

# Scores of 0 and 1 are taken for these, so that their log-odds are finite.
LEAST = 1e-6


def nearness(area: np.ndarray, p_bad: np.ndarray, thresholds: Thresholds) -> np.ndarray:
    """Return [N] float64 in 0..1, how near each verdict is to another one; 1 is at a threshold.

    It is exp(-d), d the distance to the nearest other verdict. Scores are compared by the
    difference of their log-odds, areas by that of their logarithms. Where two conditions must both
    change, the larger distance counts.

    Args:
        area: [N] in the unit of the thresholds.
        p_bad: [N] in 0..1.
    """
    return np.exp(-np.abs(decision_margin(area, p_bad, thresholds)))


def decision_margin(area: np.ndarray, p_bad: np.ndarray, thresholds: Thresholds) -> np.ndarray:
    """Return [N] float64, how far each image is from another verdict; from 0 on it is not Good.

    It is in log-odds of p(Bad), or in logarithms of the area, as `nearness` has it.
    """
    margin = area_margin(area, thresholds)
    if not thresholds.review_disagreement:
        margin = np.minimum(margin, log_odds(p_bad) - log_odds(thresholds.gate_threshold))
    if thresholds.gate_upper_threshold is not None:
        margin = np.maximum(margin, log_odds(p_bad) - log_odds(thresholds.gate_upper_threshold))
    return margin


def disagreement(area: np.ndarray, p_bad: np.ndarray, thresholds: Thresholds) -> np.ndarray:
    """Return [N] float64 in 0..1, how sure gate and area rule are of the opposite; 0 if they agree.

    It is 1 - exp(-d), d how far the less sure of the two is from changing its mind.

    Args:
        area: [N] in the unit of the thresholds; 0 if the detector has not looked.
        p_bad: [N] in 0..1.
    """
    gate = log_odds(p_bad) - log_odds(gate_middle(thresholds))
    rule = area_margin(area, thresholds)
    opposite = gate * rule < 0
    return np.where(opposite, -np.expm1(-np.minimum(np.abs(gate), np.abs(rule))), 0.0)


def area_limit(thresholds: Thresholds) -> float:
    """Return the area from which on an image is not Good by the area rule."""
    return min(thresholds.area, *(thresholds.review_band or (thresholds.area,)))


def gate_middle(thresholds: Thresholds) -> float:
    """Return the p(Bad) from which on the gate by itself leans to Bad.

    That is 0.5, or the gate threshold if it is higher, or the upper one if it is lower.
    """
    upper = thresholds.gate_upper_threshold
    return min(max(0.5, thresholds.gate_threshold), 1.0 if upper is None else upper)


def log_odds(p: np.ndarray | float) -> np.ndarray:
    """Return log(p / (1 - p)) of scores in 0..1, finite at both ends."""
    p = np.clip(p, LEAST, 1 - LEAST)
    return np.log(p) - np.log1p(-p)


def area_margin(area: np.ndarray, thresholds: Thresholds) -> np.ndarray:
    """Return [N] log(area / limit), from 0 on not Good; areas are 1 px or a millionth at least."""
    least = 1.0 if thresholds.area_unit == "pixel" else LEAST
    return np.log(np.maximum(area, least)) - np.log(max(area_limit(thresholds), least))
