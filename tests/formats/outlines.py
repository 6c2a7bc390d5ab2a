"""Distances from the outline of a mask, and from polygons."""

import numpy as np

from scratch_d2.structures.masks import mask_to_polygons


def distances(points: np.ndarray, polygon: list[float]) -> np.ndarray:
    """Distances [N] of points [N, 2] from the border of [x0, y0, x1, y1, ...]."""
    starts = np.array(polygon, float).reshape(-1, 2)
    steps = np.roll(starts, -1, axis=0) - starts
    offsets = points[:, None] - starts
    lengths = np.maximum((steps**2).sum(axis=1), 1e-12)
    shares = np.clip((offsets * steps).sum(axis=2) / lengths, 0, 1)
    return np.linalg.norm(offsets - shares[..., None] * steps, axis=2).min(axis=1)


def distance_from(mask: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Distances [N] of points [N, 2] from the nearest pixel edge on the border of a mask."""
    if not len(points):
        return np.zeros(0)
    return np.min([distances(points, polygon) for polygon in mask_to_polygons(mask)], axis=0)


def border_middles(mask: np.ndarray) -> np.ndarray:
    """The middles [N, 2] of the pixel edges on the border of a mask."""
    padded = np.pad(mask, 1)
    rows, columns = np.nonzero(padded[:, 1:] != padded[:, :-1])
    upright = np.stack([columns, rows - 0.5], axis=1)
    rows, columns = np.nonzero(padded[1:] != padded[:-1])
    return np.concatenate([upright, np.stack([columns - 0.5, rows], axis=1)])
