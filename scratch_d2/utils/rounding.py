"""Thresholds between two values, with as few digits as they need."""

import math

# How far a threshold may move from the middle of its gap, as a share of the gap, to read well.
ROUNDING = 0.1


def between(low: float, high: float) -> float:
    """Return the middle of a gap, with as few digits as keep it within a tenth of the gap.

    The result t is low < t <= high, or `high` if both are equal.
    """
    low, high = float(low), float(high)
    middle = low + (high - low) / 2
    if not low < middle < high:
        return high
    coarsest = -math.floor(math.log10(high - low)) - 1
    for digits in range(coarsest, coarsest + 4):
        value = round(middle, digits)
        if low < value < high and abs(value - middle) <= ROUNDING * (high - low):
            return value
    return middle
