"""Choose thresholds by a goal: a search over every gate skip, area and review band that differs.

Every threshold lies between two neighbouring values of the images, low < threshold <= high, so
that no verdict on them depends on how it is rounded.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from scratch_d2.calibration.goal import Goal
from scratch_d2.evaluation.images import ImageTable
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.utils.rounding import between

# At most this many gate skips are tried; only with more Bad images would there be more.
GATE_CUTS = 1000


class Cuts(NamedTuple):
    """Area thresholds, [K] each, and what they lead to; ascending, the last calls nothing Bad."""

    low: np.ndarray
    high: np.ndarray
    hits: np.ndarray
    alarms: np.ndarray


def choose_thresholds(
    images: ImageTable, thresholds: Thresholds, goal: Goal, review_share: float = 0.0
) -> Thresholds:
    """Return thresholds whose gate skip, area and review band are the best on these images.

    Of equal points the one with the highest gate skip is taken, of these the one in the widest gap
    between areas. Score threshold, method and unit stay, as does the gate skip without scores.

    Args:
        images: with a scratch on at least one Bad image.
        review_share: at most this share of the images, in 0..1, is for review.
    """
    order = np.argsort(images.area, kind="stable")
    area, bad = images.area[order], images.bad[order]
    p_bad = np.ones(len(images)) if images.p_bad is None else images.p_bad[order]
    best: tuple[float, ...] = ()
    for gap in gate_gaps(p_bad, bad):
        reach = p_bad >= gap[1]
        cuts = area_cuts(area[reach], bad[reach], top=2 * area[-1])
        keys = goal.rank(cuts.hits, cuts.alarms, int(bad.sum()))
        at = best_index(*keys, cuts.high - cuts.low)
        if (found := tuple(key[at] for key in keys)) >= best:
            best, skip, limit = found, between(*gap), between(cuts.low[at], cuts.high[at])
    reach = p_bad >= skip
    budget = math.floor(review_share * len(images) + 1e-9)
    weight = goal.value if goal.name == "cost" else 1.0
    band = review_band(area[reach], bad[reach], limit, budget, weight)
    skip = thresholds.gate_threshold if images.p_bad is None else skip
    return replace(thresholds, gate_threshold=skip, area=limit, review_band=band)


def gate_gaps(p_bad: np.ndarray, bad: np.ndarray) -> Iterator[tuple[float, float]]:
    """Yield, ascending, the gaps (low, high) in which a gate skip can be the best.

    These are the one that skips nothing, those right below a Bad image, and the highest. In any
    other the threshold could rise, skip more Good images and lose no Bad one.
    """
    yield 0.0, 0.0
    scores = np.unique(p_bad)
    places = np.unique(np.searchsorted(scores, np.append(p_bad[bad], scores[-1])))
    places = places[places > 0]
    if len(places) > GATE_CUTS:
        places = places[np.linspace(0, len(places) - 1, GATE_CUTS).round().astype(int)]
    for place in places:
        yield float(scores[place - 1]), float(scores[place])


def area_cuts(area: np.ndarray, bad: np.ndarray, top: float) -> Cuts:
    """Return every area threshold above 0 that differs.

    Args:
        area: [N], ascending.
        bad: [N] bool.
        top: the upper end of the gap in which nothing is called Bad.
    """
    starts = np.flatnonzero(np.diff(area, prepend=-1.0))
    starts = starts[area[starts] > 0]
    hits = np.cumsum(bad[::-1])[::-1][starts]
    below = np.where(starts > 0, area[starts - 1], 0.0)
    return Cuts(
        low=np.append(below, area[-1]),
        high=np.append(area[starts], top),
        hits=np.append(hits, 0),
        alarms=np.append(len(area) - starts - hits, 0),
    )


def review_band(
    area: np.ndarray, bad: np.ndarray, limit: float, budget: int, weight: float
) -> tuple[float, float] | None:
    """Return the band [low, high) around a limit that leaves the least cost of errors outside.

    Of equal bands the one with the fewest images is taken, then the one with the most missed Bad;
    None where no band saves anything. No area of 0 is in it: a person is asked only where a
    scratch was found.

    Args:
        area: [N], ascending, of the images that the gate does not let pass.
        bad: [N] bool.
        budget: how many images the band may hold.
        weight: what a missed Bad costs; a false alarm costs 1.
    """
    first, middle = np.searchsorted(area, 0, "right"), np.searchsorted(area, limit)
    fewer, missed = _steps(area[first:middle][::-1], bad[first:middle][::-1])
    more, alarms = _steps(area[middle:], ~bad[middle:])
    fewer, missed = fewer[fewer <= budget], missed[fewer <= budget]
    most = alarms[np.searchsorted(more, budget - fewer, "right") - 1]
    more = more[np.searchsorted(alarms, most)]
    saved = np.round(weight * missed + most, 9)
    at = best_index(saved, -(fewer + more), missed)
    if not saved[at]:
        return None
    return _edge(area, middle - fewer[at], limit), _edge(area, middle + more[at], limit)


def _steps(area: np.ndarray, counted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how many images, and how many that count, a band of 0, 1, ... distinct areas holds."""
    ends = np.flatnonzero(np.append(area[1:] != area[:-1], True)) + 1 if len(area) else []
    held = np.append(0, ends).astype(int)
    return held, np.append(0, np.cumsum(counted))[held]


def _edge(area: np.ndarray, index: int, limit: float) -> float:
    """Return an edge right below the area at an index, or the limit where that lies there."""
    low = area[index - 1] if index else 0.0
    high = area[index] if index < len(area) else math.inf
    if low < limit <= high:
        return limit
    return between(low, high if math.isfinite(high) else 2 * low)


def best_index(*keys: np.ndarray) -> int:
    """Return the first index with the highest key, of equal ones that with the highest next."""
    chosen = np.arange(len(keys[0]))
    for key in keys:
        chosen = chosen[key[chosen] == key[chosen].max()]
    return int(chosen[0])
