"""The images that an `Inspector` is called with: paths, arrays, PIL images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import PIL.Image

from scratch_d2.data.decoding import turn_upright
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
    """Return an image as HxWx3 uint8 RGB; a file or PIL image is turned as its EXIF says.

    Raises FileNotFoundError or ImageError naming a file that cannot be read, ValueError for an
    array of another kind.
    """
    if isinstance(source, str | Path):
        return read_image(source, white)
    if isinstance(source, PIL.Image.Image):
        return _pil_to_rgb(turn_upright(source), white)
    array = np.asarray(source)
    if array.dtype == np.uint8 and array.ndim == 2:
        return np.repeat(array[:, :, None], 3, axis=2)
    check_rgb(array)
    return array


def _pil_to_rgb(image: PIL.Image.Image, white: float) -> np.ndarray:
    if image.mode[0] not in "IF":
        return np.asarray(image.convert("RGB"))
    deep = np.asarray(image)  # which Pillow would clip at 255
    return np.repeat(to_uint8(deep, find_range(deep, white))[:, :, None], 3, axis=2)
