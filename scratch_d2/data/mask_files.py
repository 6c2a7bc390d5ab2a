"""Read mask files of any kind as HxW bool."""

from pathlib import Path

import numpy as np
from PIL import Image

from scratch_d2.data.images import read_pixels
from scratch_d2.structures.images import to_uint8


def read_mask(path: str | Path, threshold: int = 127) -> np.ndarray:
    """Read a mask file as HxW bool.

    Palette and 1-bit images are read by index (index != 0 is scratch), whatever the palette's
    colours; an image that holds only 0 and 1 likewise; any other by `grey > threshold`.

    Args:
        threshold: grey level in 0..255 above which a pixel is scratch.

    Raises FileNotFoundError or ImageError, both naming the file.
    """
    return read_pixels(path, lambda image: _to_mask(image, threshold))


def _to_mask(image: Image.Image, threshold: int) -> np.ndarray:
    if image.mode in ("P", "1"):
        return np.asarray(image) != 0
    if image.mode.startswith("I") or image.mode == "F":
        grey = np.asarray(image)
    else:
        image.info.pop("transparency", None)  # as of photographs
        grey = np.asarray(image.convert("L"))
    if grey.max(initial=0) <= 1:
        return grey != 0
    return to_uint8(grey) > threshold
