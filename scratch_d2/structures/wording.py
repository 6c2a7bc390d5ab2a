"""Numbers as people read them: few digits, and never so few that two that differ look equal.

scratch_d2/report/wording.js writes the same texts.
"""

import math
from collections.abc import Sequence

MOST_DECIMALS = 6
LARGEST = 1e15
# By area unit: what a value is multiplied by, its significant digits, what follows the number.
AREA_FORMATS = {"pixel": (1, 4, " px"), "fraction": (100, 2, "%"), "mm2": (1, 3, " mm²")}
# By unit, lower limits of a scaled area are only said to be below this.
LEAST_STATED = {"pixel": 1.0, "fraction": 1e-4, "mm2": 0.01}
# What an area is a part of, by unit.
AREA_OF = {"fraction": " of the image"}


def format_areas(areas: Sequence[float], unit: str) -> list[str]:
    """Return scratch areas in words, all in the unit of the thresholds.

    >>> format_areas([0.0082, 0.003], "fraction")
    ['0.82%', '0.3%']
    """
    factor, significant, suffix = AREA_FORMATS[unit]
    texts = _format_apart([factor * area for area in areas], significant, MOST_DECIMALS)
    return [text + suffix for text in texts]


def format_shares(shares: Sequence[float]) -> list[str]:
    """Return numbers of 0..1 as percentages, such as "53%" or "0.4%"."""
    return [f"{text}%" for text in _format_apart([100 * share for share in shares], 2, 1)]


def _format_apart(values: Sequence[float], significant: int, most: int) -> list[str]:
    """Write numbers with so many significant digits, and more decimals if two look equal."""
    texts: list[str] = []
    for more in range(MOST_DECIMALS + 1):
        texts = [_round(value, min(most, _decimals(value, significant)) + more) for value in values]
        if len(set(texts)) == len(set(values)):
            break
    return texts


def _decimals(value: float, significant: int) -> int:
    """Return how many decimals a number needs for so many significant digits."""
    decimals = 0
    while 0 < value * 10**decimals < 10 ** (significant - 1) and decimals < MOST_DECIMALS:
        decimals += 1
    return decimals


def _round(value: float, decimals: int) -> str:
    """Write a number rounded half up, as JavaScript does, without trailing zeros."""
    power = 10 ** min(decimals, MOST_DECIMALS)
    text = f"{math.floor(min(value, LARGEST) * power + 0.5) / power:.{MOST_DECIMALS}f}"
    return text.rstrip("0").rstrip(".")
