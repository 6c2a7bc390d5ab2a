"""Area limits that fall as the gate gets surer; scratch_d2/report/metrics.js has the same.

With the scaling "odds" an image is Bad if its area times the odds of Bad, p / (1 - p), reaches the
area threshold. So its own limit is the threshold times (1 - p) / p, and the threshold is the limit
at a p(Bad) of 50%. A review band scales likewise.
"""

import numpy as np

from scratch_d2.structures.thresholds import Thresholds

# Scores nearer to 0 and 1 count as these, so the odds are in 1/9999 to 9999.
LEAST_P = 1e-4


def bad_odds(p_bad: np.ndarray | float | None, thresholds: Thresholds) -> np.ndarray:
    """Return what areas are multiplied by before they are compared with the thresholds.

    That is p / (1 - p) with the scaling "odds", and 1 with "none" or without a gate.

    Args:
        p_bad: [N] or one, in 0..1, or None without a gate.
    """
    if p_bad is None or thresholds.area_scaling == "none":
        return np.ones(np.shape(p_bad) if p_bad is not None else ())
    p = np.clip(p_bad, LEAST_P, 1 - LEAST_P)
    return p / (1 - p)


def scale_area(
    area: np.ndarray | float, p_bad: np.ndarray | float | None, thresholds: Thresholds
) -> np.ndarray:
    """Return areas as they are compared with the area threshold and the review band."""
    return area * bad_odds(p_bad, thresholds)


def limit_at(limit: float, p_bad: float | None, thresholds: Thresholds) -> float:
    """Return the area that reaches a limit of the thresholds at this p(Bad).

    >>> limit_at(0.03, 0.75, Thresholds(area_scaling="odds"))
    0.01
    """
    return float(limit / bad_odds(p_bad, thresholds))


def check_scaling(thresholds: Thresholds, has_gate: bool) -> None:
    """Raise ValueError if areas are to be scaled by scores of a gate that is not there."""
    if thresholds.area_scaling == "none" or has_gate:
        return
    raise ValueError(
        f"the area threshold of {thresholds.area:g} is one at a p(Bad) of 50% "
        f"(SCRATCH.AREA_SCALING {thresholds.area_scaling}), and without a gate there is no p(Bad). "
        "Name a gate (GATE.WEIGHTS, GATE.ENABLED True), or set SCRATCH.AREA_SCALING none and a "
        "SCRATCH.AREA_THRESHOLD that was chosen without a gate"
    )
