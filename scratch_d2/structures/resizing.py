"""Resizing: for the detector with Pillow, as Detectron2 does, elsewhere by area averaging."""

import math

import numpy as np
from PIL import Image

from scratch_d2.structures.images import one_channel
from scratch_d2.utils.opencv import cv2

Size = tuple[int, int]  # height, width in pixels
# From so many rows for each that is left on, `shrink` averages rows first.
FEW_ROWS = 3
LEAST_SHARE = 1e-3  # of a row; less is left out, as OpenCV does


def resized_shape(size: Size, shortest: int, longest: int) -> Size:
    """Return the size whose shorter side is `shortest`, unless the longer one passes `longest`.

    A `shortest` of 0 keeps the size. Rounds as Detectron2's ResizeShortestEdge does, but no side
    to 0, as that would of an image some hundred times as long as wide.
    """
    if shortest == 0:
        return size
    scale = shortest * 1.0 / min(size)
    height, width = (shortest * 1.0 if side == min(size) else scale * side for side in size)
    if max(height, width) > longest:
        scale = longest * 1.0 / max(height, width)
        height, width = height * scale, width * scale
    return max(1, int(height + 0.5)), max(1, int(width + 0.5))


def resize(
    array: np.ndarray, size: Size, method: Image.Resampling = Image.Resampling.BILINEAR
) -> np.ndarray:
    """Resize an HxW or HxWx3 uint8 array with Pillow, as Detectron2 does.

    Of a grey photograph one channel is resized, which gives the same values in half of the time.
    """
    if array.shape[:2] == size:
        return array
    grey = one_channel(array) if array.ndim == 3 else None
    if grey is not None:
        return cv2.cvtColor(resize(grey, size, method), cv2.COLOR_GRAY2RGB)
    return np.asarray(Image.fromarray(array).resize(size[::-1], method))


def shrink(array: np.ndarray, size: Size) -> np.ndarray:
    """Shrink an HxW or HxWx3 uint8 array by area averaging, as OpenCV's INTER_AREA does.

    Where an array is much larger than `size`, rows are averaged first, which takes less than half
    of the time; sums round otherwise, and about one value in ten thousand differs by 1.
    """
    if array.shape[0] > FEW_ROWS * size[0]:
        array = _shrink_rows(array, size[0])
    small = cv2.resize(array, size[::-1], interpolation=cv2.INTER_AREA)
    return small if small.dtype == np.uint8 else np.rint(small).astype(np.uint8)


def _shrink_rows(array: np.ndarray, count: int) -> np.ndarray:
    """Average the rows of an array in `count` strips of equal height; returns float32."""
    rows, scale = array.reshape(len(array), -1), len(array) / count
    strips = np.empty((count, rows.shape[1]), np.float32)
    for number, strip in enumerate(strips):
        begin, end = number * scale, min((number + 1) * scale, len(array))
        first, last = math.ceil(begin), math.floor(end)
        strip[:] = cv2.reduce(rows[first:last], 0, cv2.REDUCE_SUM, dtype=cv2.CV_32F)
        for row, share in ((first - 1, first - begin), (last, end - last)):
            if share > LEAST_SHARE:
                cv2.scaleAdd(rows[row].astype(np.float32), share, strip, strip)
    strips *= np.float32(1 / scale)
    return strips.reshape(count, *array.shape[1:])
