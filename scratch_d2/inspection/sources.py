"""The images that an `Inspector` is called with: paths, arrays, PIL images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import PIL.Image

from scratch_d2.data.images import read_image
from scratch_d2.structures.images import check_rgb, find_range, to_uint8

if TYPE_CHECKING:
    from typing_extensions import TypeIs

Image = str | Path | np.ndarray | PIL.Image.Image


def is_image(source: object) -> TypeIs[Image]:
    """Whether a value is one image rather than several."""
    return isinstance(source, str | Path | np.ndarray | PIL.Image.Image)


def path_of(source: Image) -> Path | None:
    """Return the file of an image that is named by its path, else None."""
    return Path(source) if isinstance(source, str | Path) else None


def to_rgb(source: Image, white: float = 0.0) -> np.ndarray:
    """Return an image as HxWx3 uint8 RGB.

    Raises FileNotFoundError or ImageError naming a file that cannot be read, ValueError for an
    array of another kind.
    """
    if isinstance(source, str | Path):
        return read_image(source, white)
    if isinstance(source, PIL.Image.Image) and source.mode[0] in "IF":
        deep = np.asarray(source)  # which Pillow would clip at 255
        return np.repeat(to_uint8(deep, find_range(deep, white))[:, :, None], 3, axis=2)
    if isinstance(source, PIL.Image.Image):
        return np.asarray(source.convert("RGB"))
    array = np.asarray(source)
    if array.dtype == np.uint8 and array.ndim == 2:
        return np.repeat(array[:, :, None], 3, axis=2)
    check_rgb(array)
    return array
