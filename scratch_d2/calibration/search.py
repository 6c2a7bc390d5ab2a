"""Choose thresholds by a goal: a search over all gate thresholds, area thresholds, review bands.

Thresholds between the same two neighbouring values of the images give the same verdicts. The search
tries one of each such gap, low < threshold <= high, so that no verdict depends on rounding.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np

from scratch_d2.calibration.goal import Goal
from scratch_d2.evaluation.images import ImageTable
from scratch_d2.structures.scaling import scale_area
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.utils.rounding import between

# At most this many gate thresholds are tried; only more Bad images than that would need more.
GATE_CUTS = 1000
# Upper gate thresholds that are tried, the highest ones, and gate thresholds with each of them.
PAIRED_CUTS = 40
Upper = Literal["none", "sure", "best"]


class Cuts(NamedTuple):
    """K area thresholds in ascending order and their counts; at the last, no image is Bad.

    Attributes:
        low, high: [K], the gap that each lies in.
        tp, fp: [K] int, Bad and Good images judged Bad.
    """

    low: np.ndarray
    high: np.ndarray
    tp: np.ndarray
    fp: np.ndarray


def choose_thresholds(
    images: ImageTable,
    thresholds: Thresholds,
    goal: Goal,
    review_share: float = 0.0,
    upper: Upper = "none",
) -> Thresholds:
    """Return the thresholds that are the best for the goal on these images.

    An upper gate threshold is chosen only if it is better than none. Of equally good ones, the
    highest gate threshold is chosen, then the widest gap between areas. Score threshold, area
    method, unit and scaling stay, and without gate scores both gate thresholds.

    Args:
        images: with a detected scratch on at least one Bad image.
        review_share: at most this share of the images, in 0..1, is for review.
        upper: the upper gate threshold: "none"; "sure", one that calls no other of these Good
            images Bad; "best", the best for the goal together with the others.
    """
    scaled = scale_area(images.area, images.p_bad, thresholds)
    order = np.argsort(scaled, kind="stable")
    columns = scaled[order], images.y_true[order]
    p_bad = np.ones(len(images)) if images.p_bad is None else images.p_bad[order]
    best = search_below(*columns, p_bad, goal, math.inf, GATE_CUTS)
    if upper == "best" and images.p_bad is not None:
        best = _search_upper(*columns, p_bad, goal, best)
    elif upper == "sure" and images.p_bad is not None:
        best = _add_sure_upper(*columns, p_bad, best)
    gates = best.lower, best.upper if best.upper < math.inf else None
    if images.p_bad is None:
        gates = thresholds.gate_threshold, thresholds.gate_upper_threshold
    between_gates = (p_bad >= best.lower) & (p_bad < best.upper)
    budget = math.floor(review_share * len(images) + 1e-9)
    weight = goal.value if goal.name == "cost" else 1.0
    area, y_true = (column[between_gates] for column in columns)
    band = review_band(area, y_true, best.area, budget, weight)
    return replace(
        thresholds,
        gate_threshold=gates[0],
        gate_upper_threshold=gates[1],
        area=best.area,
        review_band=band,
    )


class Point(NamedTuple):
    """Thresholds, and the keys by which the goal ranks them; no upper threshold is infinite."""

    rank: tuple[float, ...]
    lower: float
    area: float
    upper: float


def search_below(
    area: np.ndarray, y_true: np.ndarray, p_bad: np.ndarray, goal: Goal, upper: float, count: int
) -> Point:
    """Return the best gate and area threshold for an upper gate threshold.

    Args:
        area: [N], ascending, scaled as the thresholds say.
        y_true: [N] bool.
        p_bad: [N], in 0..1.
        upper: images with at least this p_bad are Bad.
        count: try at most so many gate thresholds.
    """
    sure = p_bad >= upper
    tp, fp = np.count_nonzero(sure & y_true), np.count_nonzero(sure & ~y_true)
    positives, top = int(y_true.sum()), 2 * area[-1]
    area, y_true, p_bad = area[~sure], y_true[~sure], p_bad[~sure]
    best = Point((), 0.0, top, upper)
    for gap in gate_gaps(p_bad, y_true, count):
        reach = p_bad >= gap[1]
        cuts = area_cuts(area[reach], y_true[reach], top)
        keys = goal.rank(tp + cuts.tp, fp + cuts.fp, positives)
        at = best_index(*keys, cuts.high - cuts.low)
        if (rank := tuple(float(key[at]) for key in keys)) >= best.rank:
            best = Point(rank, between(*gap), between(cuts.low[at], cuts.high[at]), upper)
    return best


def _search_upper(
    area: np.ndarray, y_true: np.ndarray, p_bad: np.ndarray, goal: Goal, best: Point
) -> Point:
    """Return the best point with an upper gate threshold, or `best` if none is better."""
    for gap in upper_gaps(p_bad, y_true):
        point = search_below(area, y_true, p_bad, goal, between(*gap), PAIRED_CUTS)
        best = point if point.rank > best.rank else best
    return search_below(area, y_true, p_bad, goal, best.upper, GATE_CUTS)


def _add_sure_upper(area: np.ndarray, y_true: np.ndarray, p_bad: np.ndarray, best: Point) -> Point:
    """Return the point with the lowest upper gate threshold that calls no other Good image Bad.

    It is `best` itself if that would call no other Bad image Bad either.
    """
    cleared = (p_bad < best.lower) | (area < best.area)
    highest = p_bad[cleared & ~y_true].max(initial=0.0)
    missed = p_bad[cleared & y_true]
    missed = missed[(missed > highest) & (missed >= best.lower)]
    if not missed.size:
        return best
    return best._replace(upper=max(between(highest, missed.min()), best.lower))


def upper_gaps(p_bad: np.ndarray, y_true: np.ndarray) -> list[tuple[float, float]]:
    """Return the gaps in which an upper gate threshold can be the best, in descending order.

    These are the gaps right above a Good image. In any other gap the threshold could fall below
    more Bad images and call no Good one Bad.
    """
    scores = np.unique(p_bad)
    indices = np.unique(np.searchsorted(scores, p_bad[~y_true])) + 1
    indices = indices[indices < len(scores)][::-1][:PAIRED_CUTS]
    return [(float(scores[index - 1]), float(scores[index])) for index in indices]


def gate_gaps(
    p_bad: np.ndarray, y_true: np.ndarray, count: int = GATE_CUTS
) -> Iterator[tuple[float, float]]:
    """Yield in ascending order the gaps (low, high) in which a gate threshold can be the best.

    These are the one below all images, those right below a Bad image, and the highest. In any
    other gap the threshold could rise above more Good images without losing a Bad one.
    """
    yield 0.0, 0.0
    scores = np.unique(p_bad)
    indices = np.unique(np.searchsorted(scores, np.append(p_bad[y_true], scores[-1])))
    indices = indices[indices > 0]
    if len(indices) > count:
        indices = indices[np.linspace(0, len(indices) - 1, count).round().astype(int)]
    for index in indices:
        yield float(scores[index - 1]), float(scores[index])


def area_cuts(area: np.ndarray, y_true: np.ndarray, top: float) -> Cuts:
    """Return the area thresholds above 0 that give different verdicts.

    Args:
        area: [N], ascending.
        y_true: [N] bool.
        top: upper end of the gap in which no image is judged Bad.
    """
    starts = np.flatnonzero(np.diff(area, prepend=-1.0))
    starts = starts[area[starts] > 0]
    tp = np.cumsum(y_true[::-1])[::-1][starts]
    below = np.where(starts > 0, area[starts - 1], 0.0)
    return Cuts(
        low=np.append(below, area[-1]),
        high=np.append(area[starts], top),
        tp=np.append(tp, 0),
        fp=np.append(len(area) - starts - tp, 0),
    )


def review_band(
    area: np.ndarray, y_true: np.ndarray, limit: float, budget: int, weight: float
) -> tuple[float, float] | None:
    """Return the band [low, high) around a limit that leaves the lowest cost of errors outside.

    Of equally good bands, the one with the fewest images is chosen, then the one with the most
    false negatives. None if no band lowers the cost. A band never holds an area of 0: a person
    reviews only images with a detected scratch.

    Args:
        area: [N], ascending, of the images that reach the gate threshold.
        y_true: [N] bool.
        budget: how many images the band may hold.
        weight: cost of a false negative; a false positive costs 1.
    """
    first, middle = np.searchsorted(area, 0, "right"), np.searchsorted(area, limit)
    below, fn = _steps(area[first:middle][::-1], y_true[first:middle][::-1])
    above, fp = _steps(area[middle:], ~y_true[middle:])
    below, fn = below[below <= budget], fn[below <= budget]
    max_fp = fp[np.searchsorted(above, budget - below, "right") - 1]
    above = above[np.searchsorted(fp, max_fp)]
    saved = np.round(weight * fn + max_fp, 9)
    at = best_index(saved, -(below + above), fn)
    if not saved[at]:
        return None
    return _edge(area, middle - below[at], limit), _edge(area, middle + above[at], limit)


def _steps(area: np.ndarray, counted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the images, and those of them that count, in a band of 0, 1, ... distinct areas."""
    is_end = np.append(area[1:] != area[:-1], True)[: len(area)]
    held = np.append(0, np.flatnonzero(is_end) + 1)
    return held, np.append(0, np.cumsum(counted))[held]


def _edge(area: np.ndarray, index: int, limit: float) -> float:
    """Return an edge in the gap below the area at an index; the limit if it is in that gap."""
    low = area[index - 1] if index else 0.0
    high = area[index] if index < len(area) else math.inf
    if low < limit <= high:
        return limit
    return between(low, high if math.isfinite(high) else 2 * low)


def best_index(*keys: np.ndarray) -> int:
    """Return the index of the highest first key; later keys decide between equal ones."""
    chosen = np.arange(len(keys[0]))
    for key in keys:
        chosen = chosen[key[chosen] == key[chosen].max()]
    return int(chosen[0])
