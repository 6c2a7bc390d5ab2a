"""Digits and letters of a heavy grotesque face, drawn as outlines so that no font is needed."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from scratch_d2.utils.opencv import cv2

# Length unit: the height of a capital. The origin is the top left corner, y points down.
# Centre lines are laid out for a stem of 0.23; a horizontal stroke is thinner than a stem, as in
# every grotesque face.
HORIZONTAL_TO_STEM = 0.8
# Round characters reach beyond the height of a capital, and a raster must not cut them.
OVERSHOOT = 0.03
SUBPIXEL_BITS = 4

Contours = list[np.ndarray]


def _arc(cx: float, cy: float, rx: float, ry: float, start: float, end: float) -> np.ndarray:
    """Points of an elliptic arc, slightly squared; degrees, 0 right, 90 down, 270 top."""
    angle = np.radians(np.linspace(start, end, max(6, int(abs(end - start) / 5) + 1)))
    cos, sin = np.cos(angle), np.sin(angle)
    squared = 2 / 2.25
    x = cx + rx * np.sign(cos) * np.abs(cos) ** squared
    y = cy + ry * np.sign(sin) * np.abs(sin) ** squared
    return np.stack([x, y], axis=1)


def _curve(*controls: tuple[float, float]) -> np.ndarray:
    """Points of a quadratic Bezier curve through three control points."""
    a, b, c = (np.array(point) for point in controls)
    t = np.linspace(0, 1, 14)[:, None]
    return (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c


def _line(*points: tuple[float, float]) -> np.ndarray:
    """A polyline with extra points, so that joints with arcs keep their direction."""
    pieces = [np.linspace(a, b, 5) for a, b in zip(points[:-1], points[1:], strict=True)]
    return np.concatenate(pieces)


def _stroke(weight: float, *pieces: np.ndarray, closed: bool = False) -> Contours:
    """Outline of a pen of the given stem width moved along the pieces, with flat ends."""
    path = np.concatenate(pieces)
    keep = np.r_[True, np.hypot(*np.diff(path, axis=0).T) > 1e-6]
    path = path[keep]
    if closed:
        path = path[:-1]
        ahead, behind = np.roll(path, -1, axis=0), np.roll(path, 1, axis=0)
    else:
        ahead = np.concatenate([path[1:], path[-1:]])
        behind = np.concatenate([path[:1], path[:-1]])
    along = ahead - behind
    along /= np.hypot(*along.T)[:, None]
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1)
    half = 0.5 * weight * np.hypot(normal[:, 0], normal[:, 1] * HORIZONTAL_TO_STEM)[:, None]
    left, right = path + normal * half, path - normal * half
    return [left, right] if closed else [np.concatenate([left, right[::-1]])]


def _polygon(*points: tuple[float, float]) -> Contours:
    return [np.array(points, dtype=float)]


def _box(x0: float, y0: float, x1: float, y1: float) -> Contours:
    return _polygon((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def _zero(w: float) -> list[Contours]:
    return [_stroke(w, _arc(0.34, 0.5, 0.225, 0.42, 0, 360), closed=True)]


def _one(w: float) -> list[Contours]:
    flag_bottom = 0.2 + w * HORIZONTAL_TO_STEM
    flag = [(0.54, 0), (0.36, 0), (0.28, 0.11), (0.1, 0.2), (0.1, flag_bottom), (0.31, 0.28)]
    return [_polygon(*flag, (0.54, 0.28)), _box(0.54 - w, 0.05, 0.54, 1)]


def _two(w: float) -> list[Contours]:
    top = _arc(0.345, 0.29, 0.215, 0.2, 178, 395)
    neck = _curve(tuple(top[-1]), (0.43, 0.54), (0.15, 0.93))
    return [_stroke(w, top, neck[1:]), _box(0.03, 1 - w * HORIZONTAL_TO_STEM, 0.67, 1)]


def _three(w: float) -> list[Contours]:
    bar = _line((0.33, 0.46), (0.25, 0.46))
    upper = _stroke(w, _arc(0.335, 0.275, 0.195, 0.185, 188, 450), bar)
    return [upper, _stroke(w, _arc(0.33, 0.7, 0.225, 0.215, 275, 532))]


def _four(w: float) -> list[Contours]:
    diagonal = _stroke(w * 0.85, _line((0.5, 0.03), (0.09, 0.68)))
    bar = _box(0.01, 0.78 - w * HORIZONTAL_TO_STEM, 0.71, 0.78)
    return [_box(0.62 - w, 0, 0.62, 1), bar, diagonal]


def _five(w: float) -> list[Contours]:
    side = _polygon((0.13, 0), (0.13 + w * 0.9, 0), (0.1 + w * 0.85, 0.5), (0.06, 0.53))
    bowl = _stroke(w, _arc(0.335, 0.665, 0.225, 0.245, 222, 532))
    return [_box(0.13, 0, 0.63, w * HORIZONTAL_TO_STEM), side, bowl]


def _six(w: float) -> list[Contours]:
    bowl = _stroke(w, _arc(0.345, 0.665, 0.222, 0.248, 0, 360), closed=True)
    back = _stroke(
        w,
        _line((0.122, 0.68), (0.122, 0.52)),
        _arc(0.355, 0.51, 0.233, 0.42, 180, 270),
        _arc(0.355, 0.29, 0.205, 0.20, 272, 345),
    )
    return [bowl, back]


def _seven(w: float) -> list[Contours]:
    leg = _stroke(w, _curve((0.57, 0.08), (0.3, 0.42), (0.265, 1)))
    return [_box(0.03, 0, 0.66, w * HORIZONTAL_TO_STEM), leg]


def _eight(w: float) -> list[Contours]:
    upper = _stroke(w, _arc(0.34, 0.27, 0.195, 0.18, 0, 360), closed=True)
    return [upper, _stroke(w, _arc(0.34, 0.695, 0.222, 0.215, 0, 360), closed=True)]


def _nine(w: float) -> list[Contours]:
    return [[np.array([0.68, 1.0]) - contour for contour in part] for part in _six(w)]


def _bowl(w: float, bottom: float) -> Contours:
    top = w * HORIZONTAL_TO_STEM / 2
    middle, radius = (top + bottom) / 2, (bottom - top) / 2
    return _stroke(
        w,
        _line((0.14, top), (0.42, top)),
        _arc(0.42, middle, 0.19, radius, 270, 450),
        _line((0.42, bottom), (0.14, bottom)),
    )


def _m(w: float) -> list[Contours]:
    left = _polygon((0.04, 0), (0.04 + 1.05 * w, 0), (0.5 + 0.33 * w, 1), (0.5 - 0.33 * w, 1))
    right = [np.array([1.0, 0]) - np.array([1, -1]) * left[0]]
    return [_box(0.04, 0, 0.04 + w * 0.85, 1), _box(0.96 - w * 0.85, 0, 0.96, 1), left, right]


def _p(w: float) -> list[Contours]:
    return [_box(0.04, 0, 0.04 + w, 1), _bowl(w, 0.56)]


def _r(w: float) -> list[Contours]:
    leg = _polygon((0.3, 0.52), (0.55, 0.52), (0.8, 1), (0.8 - w * 1.25, 1))
    return [_box(0.04, 0, 0.04 + w, 1), _bowl(w, 0.51), leg]


def _t(w: float) -> list[Contours]:
    bar = _box(0.0, 0, 0.72, w * HORIZONTAL_TO_STEM)
    return [bar, _box(0.36 - w / 2, 0, 0.36 + w / 2, 1)]


_DRAWN: dict[str, tuple[Callable[[float], list[Contours]], float]] = {
    "0": (_zero, 0.68),
    "1": (_one, 0.6),
    "2": (_two, 0.68),
    "3": (_three, 0.68),
    "4": (_four, 0.72),
    "5": (_five, 0.68),
    "6": (_six, 0.68),
    "7": (_seven, 0.68),
    "8": (_eight, 0.68),
    "9": (_nine, 0.68),
    "M": (_m, 1.0),
    "P": (_p, 0.73),
    "R": (_r, 0.8),
    "T": (_t, 0.72),
}
CHARACTERS = "".join(_DRAWN)
_FLAT = "147MPRT"


def outline(character: str, weight: float) -> tuple[list[Contours], float]:
    """Return the parts of a character, and its width.

    Each part is a list of float contours [N, 2] to be filled by the even-odd rule; the parts are
    united. Unit: height of a capital.

    Args:
        weight: width of a stem, about 0.18 to 0.26.

    Raises ValueError for a character outside CHARACTERS.
    """
    if character not in _DRAWN:
        raise ValueError(f"character must be one of {CHARACTERS}, but got {character!r}")
    draw, width = _DRAWN[character]
    parts = draw(weight)
    if character in _FLAT:
        # The corners of slanted pen ends stick out of the flat top and bottom of these.
        parts = [[np.clip(contour, (0, 0), (width, 1)) for contour in part] for part in parts]
    return parts, width


@lru_cache(maxsize=512)
def rasterise(character: str, weight: float, height: int) -> np.ndarray:
    """Fill a character as a read-only uint8 coverage map, 0 paper to 255 ink.

    A capital is `height` px high; OVERSHOOT * height more (rounded up) stays free above and
    below. Arguments and errors as for `outline`.
    """
    parts, width = outline(character, weight)
    rim = int(np.ceil(OVERSHOOT * height))
    shape = (height + 2 * rim, int(np.ceil(width * height)) + 1)
    ink = np.zeros(shape, dtype=np.uint8)
    for part in parts:
        filled = np.zeros(shape, dtype=np.uint8)
        contours = [
            np.rint((contour * height + (0, rim)) * 2**SUBPIXEL_BITS).astype(np.int32)
            for contour in part
        ]
        cv2.fillPoly(filled, contours, 255, cv2.LINE_AA, SUBPIXEL_BITS)
        np.maximum(ink, filled, out=ink)
    ink.setflags(write=False)
    return ink
