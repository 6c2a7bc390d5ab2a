"""Turn images upright, as their EXIF orientation says."""

import numpy as np
from PIL import Image

# What Pillow does for each orientation but 1, which is upright.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def turn(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn an array HxW or HxWxC upright; returns a view."""
    turned = pixels.swapaxes(0, 1) if orientation >= 5 else pixels
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    return turned[:, ::-1] if orientation in (2, 3, 6, 7) else turned
