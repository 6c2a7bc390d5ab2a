"""Check COCO segmentations before pycocotools sees them.

It does not check them itself: runs that do not fill the image hang or read foreign memory, and
polygons with NaN or distant points end the process.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

BITS = 5  # of a number in each character of compressed runs
LONGEST = 7  # characters of a number below 2**32
# Up to so many characters a loop is faster than NumPy, several times for an ordinary scratch.
SHORT = 400


def check_runs(counts: Any, height: int, width: int) -> None:
    """Raise ValueError unless the runs of a COCO RLE fill an image of height x width pixels.

    Args:
        counts: a list of runs, or the text (str or bytes) that COCO compresses them to.
    """
    total, least_run = _measure(counts)
    if least_run < 0 or total != height * width:
        least = f", the least of them {least_run}" if least_run < 0 else ""
        raise ValueError(
            f"the runs of the mask add up to {total}{least}; its image has "
            f"{height} x {width} = {height * width} pixels"
        )


def _measure(counts: Any) -> tuple[int, int]:
    """Return the sum of the runs of a COCO RLE, and the least of them."""
    if isinstance(counts, str | bytes) and len(counts) <= SHORT:
        runs = _parse_short(counts.encode("utf-8") if isinstance(counts, str) else counts)
        if runs:
            return sum(runs), min(runs)
    array = _parse(counts) if isinstance(counts, str | bytes) else _as_runs(counts)
    return int(array.sum()), int(array.min())


def parse_runs(counts: str) -> np.ndarray:
    """Return the runs that COCO's text stands for, int64; ValueError if it is none."""
    short = _parse_short(counts.encode("utf-8")) if len(counts) <= SHORT else []
    return np.array(short) if short else _parse(counts)


def _parse_short(octets: bytes) -> list[int]:
    """Return the same runs as `_parse`, or [] for text that is not RLE; `_parse` then says why."""
    runs: list[int] = []
    value, shift = 0, 0
    for octet in octets:
        digit = octet - 48
        if not 0 <= digit <= 63 or shift >= BITS * LONGEST:
            return []
        value |= (digit & 31) << shift
        shift += BITS
        if digit & 32:
            continue
        if digit & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value, shift = 0, 0
    return [] if shift else runs


def _as_runs(counts: Any) -> np.ndarray:
    runs = np.asarray(counts)
    if runs.ndim != 1 or not len(runs) or runs.dtype.kind not in "iu":
        raise ValueError(f"the runs of the mask are {_short(counts)}; whole numbers are expected")
    if np.abs(runs.astype(np.float64)).max() >= 2**32:
        raise ValueError(f"the mask has a run of {np.abs(runs).max()}; accepted is below 2**32")
    return runs.astype(np.int64)


def _parse(counts: str | bytes) -> np.ndarray:
    """Return the runs that COCO's text stands for, as rleFrString of pycocotools does."""
    octets = counts.encode("utf-8") if isinstance(counts, str) else counts
    digits = np.frombuffer(octets, np.uint8).astype(np.int64) - 48
    ends = np.flatnonzero(digits & 32 == 0)
    strange = not len(digits) or digits.min() < 0 or digits.max() > 63
    if strange or not len(ends) or ends[-1] != len(digits) - 1:
        raise ValueError(f"the runs of the mask are {_short(counts)}, which is no compressed RLE")
    lengths = np.diff(ends, prepend=-1)
    if lengths.max() > LONGEST:
        raise ValueError("the mask has a run that is too long for any image")
    starts = ends - lengths + 1
    places = np.arange(len(digits)) - np.repeat(starts, lengths)
    values = np.add.reduceat((digits & 31) << (BITS * places), starts)
    runs = values - np.where(digits[ends] & 16, 1 << (BITS * lengths), 0)
    for first in (1, 2):  # from the fourth on, each is told as the difference to the last but one
        runs[first::2] = np.cumsum(runs[first::2])
    return runs


def check_polygons(polygons: Any, height: int, width: int) -> None:
    """Raise ValueError unless each polygon is [x0, y0, x1, y1, x2, y2, ...] in or near an image.

    Near is less than the image's longer side outside of it: enough for a careless hand.
    """
    if not isinstance(polygons, Sequence) or not len(polygons):
        raise ValueError(f"the mask is {_short(polygons)}; polygons or an RLE are expected")
    margin = max(height, width)
    if _all_near(polygons, height, width, margin):
        return
    for number, polygon in enumerate(polygons):
        points = _as_points(polygon, number)
        x, y = points[::2], points[1::2]
        outside = np.minimum(x, y).min() < -margin or x.max() > width + margin
        if outside or y.max() > height + margin:
            raise ValueError(
                f"polygon {number} reaches from ({x.min():g}, {y.min():g}) to ({x.max():g}, "
                f"{y.max():g}), far outside of its image of {width} x {height} pixels"
            )


def _all_near(polygons: Sequence[Any], height: int, width: int, margin: int) -> bool:
    """Whether all polygons pass at once; if not, one by one says which does not."""
    try:
        if any(len(polygon) < 6 or len(polygon) % 2 for polygon in polygons):
            return False
        points = np.array([*chain.from_iterable(polygons)], np.float64)
    except (TypeError, ValueError):
        return False
    if points.ndim != 1:
        return False
    # NaN fails every comparison.
    near = points.min() >= -margin and points[::2].max() <= width + margin
    return bool(near and points[1::2].max() <= height + margin)


def _as_points(polygon: Any, number: int) -> np.ndarray:
    try:
        points = np.asarray(polygon, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"polygon {number} is {_short(polygon)}; numbers are expected") from None
    if points.ndim != 1 or len(points) < 6 or len(points) % 2:
        raise ValueError(
            f"polygon {number} has {points.size} coordinates; an even number, 6 or more, is "
            "expected"
        )
    if not np.isfinite(points).all():
        raise ValueError(f"polygon {number} has a coordinate that is no finite number")
    return points


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:36]} ..."
