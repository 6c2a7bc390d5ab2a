"""How doubtful verdicts are: near a threshold, or with gate and detector at odds."""

import numpy as np

from scratch_d2.structures.doubt import area_margin, at_odds, gate_margin, log_odds
from scratch_d2.structures.thresholds import Thresholds


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
    margin = area_margin(area, p_bad, thresholds)
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
    gate, rule = gate_margin(p_bad, thresholds), area_margin(area, p_bad, thresholds)
    less_sure = np.minimum(np.abs(gate), np.abs(rule))
    return np.where(at_odds(area, p_bad, thresholds), -np.expm1(-less_sure), 0.0)
