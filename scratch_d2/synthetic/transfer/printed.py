"""Find the print in a photograph of a label: which pixels, how high, at what angle."""

from dataclasses import dataclass

import numpy as np

from scratch_d2.synthetic.textures import rotated_axes
from scratch_d2.utils.opencv import cv2

# Print paler than this leaves nothing to scratch off, grey levels.
MIN_CONTRAST = 45
# What is darker than this share of the paper is no shaded paper but wood or metal beside it.
WOOD = 0.55


class NoPrintError(ValueError):
    """A photograph without usable print; the message says what was found and what is needed."""


@dataclass(frozen=True)
class PrintedText:
    """The print of a photograph; lengths in px, angles in radians.

    Attributes:
        pixels: HxW bool, True on print.
        middle: middle of the print's box, (x, y).
        size: the box along and across the line of print.
        angle: its longer side, from +x towards +y; whether it is upside down is not known.
        cap_height: usual height of a character across the line of print.
    """

    pixels: np.ndarray
    middle: tuple[float, float]
    size: tuple[float, float]
    angle: float
    cap_height: float


def grow(mask: np.ndarray, radius: int) -> np.ndarray:
    """Return an HxW bool mask dilated by `radius` px, or eroded if that is negative."""
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * abs(radius) + 1,) * 2)
    return (cv2.dilate if radius > 0 else cv2.erode)(mask.astype(np.uint8), disk) > 0


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values, kind="stable")
    running = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(running, running[-1] / 2)])


def _dark_parts(grey: np.ndarray) -> np.ndarray:
    """Mark what is darker than the paper around it, uint8 HxW of 0 and 1.

    Raises NoPrintError if nothing is dark enough.
    """
    side = max(9, int(0.35 * min(grey.shape)) | 1)
    closed = cv2.morphologyEx(grey, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    paper = np.percentile(closed, 90)
    # What stays dark over so wide a square is wood or metal; whole, it is told from print by its
    # shape, while the rims that the square leaves would look like strokes.
    closed[closed < WOOD * paper] = paper
    depth = closed - grey
    level, deep = cv2.threshold(depth, 0, 1, cv2.THRESH_OTSU)
    contrast = float(np.median(depth[deep > 0])) if deep.any() else 0.0
    if contrast < MIN_CONTRAST:
        raise NoPrintError(
            f"no print: the darkest parts differ from the paper by {contrast:.0f} grey levels, "
            f"{MIN_CONTRAST} or more are needed"
        )
    return (depth > 0.5 * level).astype(np.uint8)


def _keep_strokes(dark: np.ndarray) -> np.ndarray:
    """Keep the dark parts that are drawn with strokes of the usual width, HxW bool.

    Wood that fills a corner or side of the picture, thin drawings and specks are left out.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(dark, connectivity=8)
    area = stats[:, cv2.CC_STAT_AREA].astype(float)
    contact = np.bincount(
        np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]), minlength=count
    )
    width = np.zeros(count)
    depth = cv2.distanceTransform(dark, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    np.maximum.at(width, labels.ravel().astype(np.intp), 2 * depth.ravel())
    # A filled corner touches the border over 2.8 times the root of its area, a band over more.
    kept = (contact < 2 * np.sqrt(area)) & (area > np.maximum(2 * width**2, 12))
    kept[0] = False
    if kept.any():
        usual = _weighted_median(width[kept], area[kept])
        kept &= (width > 0.5 * usual) & (width < 2 * usual)
    if kept.any():
        kept &= area > 0.1 * _weighted_median(area[kept], area[kept])
    return kept[labels]


def _cap_height(pixels: np.ndarray, angle: float) -> float:
    count, labels = cv2.connectedComponents(pixels.astype(np.uint8), connectivity=8)
    label_of = labels.ravel().astype(np.intp)
    across = rotated_axes(pixels.shape, angle, (0.0, 0.0))[1]
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, label_of, across.ravel())
    np.maximum.at(high, label_of, across.ravel())
    areas = np.bincount(label_of, minlength=count)
    return _weighted_median((high - low)[1:] + 1, areas[1:].astype(float))


def find_text(grey: np.ndarray) -> PrintedText:
    """Find the print of a photograph from its brightness, uint8 HxW.

    Print is dark, on brighter paper, and its strokes have about one width.

    Raises NoPrintError if there is none.
    """
    pixels = _keep_strokes(_dark_parts(grey))
    if not pixels.any():
        raise NoPrintError("no print: there are no dark strokes of one width on brighter paper")
    ys, xs = np.nonzero(pixels)
    corners = cv2.boxPoints(cv2.minAreaRect(np.column_stack([xs, ys]).astype(np.float32)))
    edges = np.diff(corners[:3], axis=0)
    lengths = np.hypot(edges[:, 0], edges[:, 1]) + 1
    longer = int(np.argmax(lengths))
    middle = corners.mean(axis=0) + 0.5
    angle = float(np.arctan2(edges[longer, 1], edges[longer, 0]))
    return PrintedText(
        pixels=pixels,
        middle=(float(middle[0]), float(middle[1])),
        size=(float(lengths[longer]), float(lengths[1 - longer])),
        angle=angle,
        cap_height=_cap_height(pixels, angle),
    )
