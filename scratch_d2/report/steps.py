"""The thresholds at which a slider of the report stops: one for every outcome."""

import math
from collections.abc import Sequence

import numpy as np

from scratch_d2.utils.rounding import between


def threshold_steps(values: Sequence[float] | np.ndarray, ceiling: float = math.inf) -> list[float]:
    """Return one threshold for every outcome that a rule `value >= threshold` can have.

    The i-th calls Bad what lies at or above the i-th distinct value, counted from the lowest; one
    more calls nothing Bad if the ceiling allows it.

    Args:
        values: [N], 0 or more.
        ceiling: the highest threshold that is accepted.
    """
    distinct = np.unique(np.asarray(values, float)).tolist()
    if not distinct:
        return [0.0]
    steps = [0.0, *map(between, distinct, distinct[1:])]
    if distinct[-1] < ceiling:
        steps.append(between(distinct[-1], min(ceiling, 1.25 * distinct[-1] or 1.0)))
    return steps
