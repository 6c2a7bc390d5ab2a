"""Polygons as lists of numbers: checked, clipped to an image, simplified."""

from typing import Any

import numpy as np

from scratch_d2.formats.files import LARGEST
from scratch_d2.structures.masks import mask_to_polygons

ROUNDING = 0.01  # px that a point may be outside of its image before it is called so
MOST_COMPARED = 1000  # corners of a polygon whose edges are compared with each other
TOLERANCE = 0.5  # px that an outline may move to have fewer corners
LIKENESS = 0.8  # share of its area that a simplified outline keeps
THIN = 1.5  # px of a mean width below which half a pixel is much
ELLIPSE_CORNERS = 72
FARTHEST = 400  # px along an outline from one corner to the next


def to_points(polygon: Any) -> np.ndarray:
    """Return the corners of [x0, y0, x1, y1, ...] as [N, 2] float64.

    Raises ValueError for fewer than three corners, an odd count, or a coordinate not finite.
    """
    try:
        values = np.asarray(polygon, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"a polygon of {str(polygon)[:40]!r}; numbers are expected") from None
    if values.ndim != 1 or values.size % 2:
        raise ValueError(f"a polygon of {values.size} coordinates; x and y of each point are")
    if not np.isfinite(values).all():
        raise ValueError("a polygon with a coordinate that is no finite number")
    if np.abs(values).max(initial=0) > LARGEST:
        raise ValueError("a polygon with a coordinate that is larger than any image")
    if values.size < 6:
        raise ValueError(f"a polygon of {values.size // 2} points; three or more are expected")
    return values.reshape(-1, 2)


def is_outside(points: np.ndarray, width: int, height: int) -> bool:
    """Whether a point of [N, 2] is outside of an image of width x height px."""
    x, y = points.T
    beyond = max(x.max() - width, y.max() - height, -x.min(), -y.min())
    return bool(beyond > ROUNDING)


def clip(points: np.ndarray, width: int, height: int) -> np.ndarray:
    """Cut a polygon [N, 2] off at the edges of an image; returns [M, 2], of no points if outside.

    Sutherland and Hodgman's algorithm: parts of a polygon that the edge separates stay connected
    along the edge, which covers no pixel.
    """
    for axis, limit, sign in ((0, 0, 1), (0, width, -1), (1, 0, 1), (1, height, -1)):
        if not len(points):
            break
        depth = sign * (points[:, axis] - limit)
        kept = []
        for index in range(len(points)):
            before, here = depth[index - 1], depth[index]
            if (before < 0) != (here < 0):
                share = before / (before - here)
                crossing = points[index - 1] + share * (points[index] - points[index - 1])
                crossing[axis] = limit
                kept.append(crossing)
            if here >= 0:
                kept.append(points[index])
        points = np.array(kept).reshape(-1, 2)
    return points


def crosses_itself(points: np.ndarray) -> bool:
    """Whether two edges of a polygon [N, 2] cross; edges that only touch do not.

    Polygons of more than `MOST_COMPARED` corners are not looked at: programs trace such ones.
    """
    count = len(points)
    if count < 4 or count > MOST_COMPARED:
        return False
    across, down = (_rotated(points) - points).T
    x, y = points.T
    # side[i, j]: on which side of edge i corner j is; the last column is the first again.
    side = across[:, None] * (y - y[:, None]) - down[:, None] * (x - x[:, None])
    side = np.concatenate([side, side[:, :1]], axis=1)
    apart = side[:, 1:] * side[:, :-1] < 0
    return bool((apart & apart.T).any())


def _rotated(points: np.ndarray) -> np.ndarray:
    """Return the corner after each; np.roll does the same, several times slower on short lists."""
    return np.concatenate([points[1:], points[:1]])


def turn_points(points: Any, degrees: float) -> np.ndarray:
    """Turn points [N, 2] about (0, 0), clockwise in an image whose rows go down."""
    angle = np.deg2rad(degrees)
    rows = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    return np.asarray(points, np.float64) @ np.array(rows)


def ellipse(
    centre: tuple[float, float], radii: tuple[float, float], degrees: float = 0.0
) -> list[float]:
    """Return an ellipse, turned about its centre, as a polygon [x0, y0, x1, y1, ...]."""
    angles = 2 * np.pi * np.arange(ELLIPSE_CORNERS) / ELLIPSE_CORNERS
    corners = np.stack([radii[0] * np.cos(angles), radii[1] * np.sin(angles)], axis=1)
    return (turn_points(corners, degrees) + centre).ravel().tolist()


def outline(mask: np.ndarray, tolerance: float = TOLERANCE) -> list[list[float]]:
    """Trace an HxW bool mask as polygons [x0, y0, x1, y1, ...] with few corners, to be corrected.

    The middle of each pixel's edge on the border of the mask is within `tolerance` px of what is
    returned. A region that this would change much, such as a line of one pixel, keeps its exact
    outline.
    """
    polygons = []
    for exact in mask_to_polygons(mask):
        corners = np.array(exact, np.float64).reshape(-1, 2)
        simple = _straighten(corners, tolerance)
        is_better = len(simple) < len(corners) and not _is_thin(corners) and _alike(simple, corners)
        polygons.append((simple if is_better else corners).ravel().tolist())
    return polygons


def _straighten(corners: np.ndarray, tolerance: float) -> np.ndarray:
    """Replace the stairs of a pixel outline [N, 2] by long edges between middles of its steps.

    From each corner of the result, the next one is the farthest that keeps what is left out within
    `tolerance` of the edge.
    """
    steps = _cut_into_pixels(corners)
    middles = (steps + _rotated(steps)) / 2  # middles[i] is between steps[i] and [i + 1]
    kept, at, end = [0], 0, len(steps)
    while at < end:
        at = min(at + _reach(middles, at, tolerance), end)
        if at < end:
            kept.append(at)
    return middles[kept]


def _cut_into_pixels(corners: np.ndarray) -> np.ndarray:
    """Add the points between the corners of a pixel outline, at each px; a copy if it is none."""
    following = _rotated(corners)
    lengths = np.maximum(np.abs(following - corners).max(axis=1).astype(int), 1)
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)
    shares = (np.arange(lengths.sum()) - first) / np.repeat(lengths, lengths)
    return np.repeat(corners, lengths, axis=0) + shares[:, None] * np.repeat(
        following - corners, lengths, axis=0
    )


def _reach(middles: np.ndarray, at: int, tolerance: float) -> int:
    """Return how many middles farther the next corner is.

    Each point that is passed allows the directions that come within `tolerance` of it; the next
    corner is the last in a direction that all points before it allow.
    """
    index = (at + np.arange(1, min(FARTHEST, len(middles)) + 1)) % len(middles)
    passed = middles[index] - middles[at]
    first = np.arctan2(passed[0, 1], passed[0, 0])
    angles = (np.arctan2(passed[:, 1], passed[:, 0]) - first + np.pi) % (2 * np.pi) - np.pi
    distance = np.hypot(*passed.T)
    width = np.where(
        distance > tolerance, np.arcsin(np.minimum(tolerance / np.maximum(distance, 1e-9), 1)), 9
    )
    low, high = np.maximum.accumulate(angles - width), np.minimum.accumulate(angles + width)
    forward = distance >= np.maximum.accumulate(distance) - 1e-9
    fits = np.flatnonzero((angles >= low) & (angles <= high) & forward)
    return int(fits[-1]) + 1 if len(fits) else 1


def _is_thin(corners: np.ndarray) -> bool:
    """Whether a pixel outline encloses a line: its mean width is that of twice area by length."""
    length = np.abs(_rotated(corners) - corners).sum()
    return bool(2 * _area(corners) < THIN * length)


def _alike(simple: np.ndarray, exact: np.ndarray) -> bool:
    if len(simple) < 3:
        return False
    ours, theirs = _area(simple), _area(exact)
    return bool(min(ours, theirs) >= LIKENESS * max(ours, theirs))


def _area(points: np.ndarray) -> float:
    """Return the area of a polygon [N, 2] by the shoelace formula."""
    x, y = points.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
