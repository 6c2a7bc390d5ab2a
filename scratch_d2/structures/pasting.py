"""Masks of a detector, brought from their boxes into the resolution of the photograph."""

import numpy as np

# A pixel belongs to a scratch from this probability on.
MASK_THRESHOLD = 0.5


def paste_mask(
    mask: np.ndarray, box: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, int, int]:
    """Paint an [S, S] float32 mask of probabilities into its box.

    Every pixel centre takes the bilinear value of the mask at its place in the box; outside,
    the mask is 0, and it fades towards that over half a cell. The embedded engine computes the same
    with torch; sums may round differently.

    Args:
        box: [4] float32, XYXY in pixels of the photograph, not empty.
        size: height and width of the photograph.

    Returns the part of the photograph around the box, bool, and its top and left there, px.
    """
    height, width = size
    left, top = (int(max(edge, 0)) for edge in np.floor(box[:2]) - 1)
    right = min(int(np.ceil(box[2])) + 1, width)
    bottom = min(int(np.ceil(box[3])) + 1, height)
    across = _weights(left, right, box[0], box[2], mask.shape[1])
    down = _weights(top, bottom, box[1], box[3], mask.shape[0])
    return down @ mask @ across.T >= MASK_THRESHOLD, top, left


def _weights(start: int, end: int, low: np.float32, high: np.float32, cells: int) -> np.ndarray:
    """Return [end - start, cells] float32, what each cell of a mask adds to each pixel."""
    centres = np.arange(start, end, dtype=np.float32) + np.float32(0.5)
    places = (centres - low) / (high - low) * np.float32(cells) - np.float32(0.5)
    distance = np.abs(places[:, None] - np.arange(cells, dtype=np.float32))
    return np.clip(1 - distance, 0, None)
