"""How an image is resized for the detector: with Pillow, as Detectron2 does."""

import numpy as np
from PIL import Image

Size = tuple[int, int]  # height, width in pixels


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
    """Resize an HxW or HxWx3 uint8 array with Pillow, as Detectron2 does."""
    if array.shape[:2] == size:
        return array
    return np.asarray(Image.fromarray(array).resize(size[::-1], method))
