"""Read mask files of any kind as HxW bool."""

from pathlib import Path

import numpy as np

from scratch_d2.data.decoding import Decoded
from scratch_d2.data.images import read_file
from scratch_d2.structures.images import to_uint8


def read_mask(path: str | Path, threshold: int = 127) -> np.ndarray:
    """Read a mask file as HxW bool.

    Palette and 1-bit images are read by index (index != 0 is scratch), whatever the palette's
    colours; an image that holds only 0 and 1 likewise; any other by `grey > threshold`.

    Args:
        threshold: grey level in 0..255 above which a pixel is scratch.

    Raises FileNotFoundError or ImageError, both naming the file.
    """
    return read_file(path, lambda decoded: _to_mask(decoded, threshold))


def _to_mask(decoded: Decoded, threshold: int) -> np.ndarray:
    image, deep = decoded
    if image.mode in ("P", "1"):
        return np.asarray(image) != 0
    if deep is not None:
        grey = deep if deep.ndim == 2 else deep.max(axis=2)
    else:
        image.info.pop("transparency", None)  # as of photographs
        grey = np.asarray(image.convert("L"))
    if grey.max(initial=0) <= 1:
        return grey != 0
    return to_uint8(grey) > threshold
