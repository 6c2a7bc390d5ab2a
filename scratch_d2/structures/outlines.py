"""Outlines of masks as SVG paths, small enough to lie in a page by the thousand."""

import numpy as np

from scratch_d2.utils.opencv import cv2

GRID = 480  # longest side of what outlines are drawn on, as fine as a screen shows them
TOLERANCE = 0.75  # how far an outline may stray from the mask's, in units of the grid


def grid_size(height: int, width: int) -> tuple[int, int]:
    """Return the (width, height) on which the outlines of an image are drawn, at most GRID."""
    longest = max(height, width)
    if longest <= GRID:
        return width, height
    return max(1, round(width * GRID / longest)), max(1, round(height * GRID / longest))


def outline(mask: np.ndarray, size: tuple[int, int]) -> str:
    """Trace an HxW bool mask as an SVG path on a grid of (width, height); "" without scratches.

    Coordinates are the centres of the pixels around the mask, counted from 0, so that the line
    hides no scratch, however thin; holes have outlines of their own.
    """
    if not mask.any():
        return ""
    if mask.shape != size[::-1]:
        # What holds any of the mask belongs to it: thin lines stay.
        share = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        mask = share > 0
    framed = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    around = cv2.dilate(framed, np.ones((3, 3), np.uint8))
    contours, _ = cv2.findContours(around, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE, offset=(-1, -1))
    return "".join(_path(cv2.approxPolyDP(contour, TOLERANCE, True)) for contour in contours)


def _path(contour: np.ndarray) -> str:
    points = contour[:, 0, :]
    steps = " ".join(f"{x},{y}" for x, y in np.diff(points, axis=0).tolist())
    return f"M{points[0][0]},{points[0][1]}l{steps}z" if steps else ""
