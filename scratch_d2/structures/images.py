"""Photographs as arrays: HxWx3 uint8 RGB, 0..255."""

import numpy as np

from scratch_d2.utils.opencv import cv2

ROWS = 256
# What white may be in an image of more than 8 bits: of 8, 10, 12, 14 and 16 bits.
WHITES = (255, 1023, 4095, 16383, 65535)


def check_rgb(image: np.ndarray) -> None:
    """Raise ValueError unless an array is a photograph: HxWx3 uint8, not empty."""
    shape = np.shape(image)
    kind = getattr(image, "dtype", type(image).__name__)
    if kind != np.uint8 or len(shape) != 3 or shape[2] != 3 or 0 in shape:
        raise ValueError(f"an image must be HxWx3 uint8 RGB, but got {kind} {shape}")


def one_channel(image: np.ndarray) -> np.ndarray | None:
    """Return a channel of HxWx3 uint8 RGB, HxW, if all three are equal, else None."""
    red = cv2.extractChannel(image, 0)
    for other in (1, 2):
        if not np.array_equal(red, cv2.extractChannel(image, other)):
            return None
    return red


def check_finite(array: np.ndarray) -> tuple[float, float]:
    """Return the lowest and highest level; ValueError for pixels infinite or no numbers."""
    least, most = float(array.min()), float(array.max())
    if not np.isfinite([least, most]).all():
        raise ValueError(f"pixels must be finite numbers, but reach from {least} to {most}")
    return least, most


def find_range(array: np.ndarray, white: float = 0.0) -> tuple[float, float]:
    """Return the levels of a high-depth image that are black and white; 0 and `white` if given.

    Cameras of 10, 12 and 14 bits store their levels unscaled in 16, so white is the least of
    `WHITES` that the pixels stay below; signed 16-bit levels may also have 32767, floats 1.0, wider
    integers 2**n - 1. One pixel in a thousand, as hot pixels, may be brighter. Where no such range
    fits, as for negative levels, the image's own is taken, without its darkest and brightest
    thousandth.

    Raises ValueError for pixels that are infinite or no numbers.
    """
    least, _ = check_finite(array)
    if white:
        return 0.0, white
    spare = min(1 + array.size // 1000, array.size // 100)
    if least >= 0 or np.count_nonzero(array < 0) <= spare:
        white = _find_white(array, spare)
        if white:
            return 0.0, white
    ends = np.partition(array, (spare, array.size - 1 - spare), axis=None)
    return float(ends[spare]), float(ends[array.size - 1 - spare])


def _find_white(array: np.ndarray, spare: int) -> float:
    """Return the least usual white that all but `spare` pixels stay below, or 0."""
    if array.dtype.kind != "f":
        signed = array.dtype == np.int16
        whites = [*WHITES[:-1], 32767] if signed else [*WHITES, *(2**n - 1 for n in range(17, 33))]
        return next((float(w) for w in whites if np.count_nonzero(array > w) <= spare), 0.0)
    for white in (1.0, *map(float, WHITES)):
        if np.count_nonzero(array > 1.05 * white) <= spare:  # interpolation overshoots
            # An image of 0..2 has no usual white: read as one of 0..255 it would be black.
            dark = white == WHITES[0] and np.count_nonzero(array > white / 16) <= spare
            return 0.0 if dark else white
    return 0.0


def to_uint8(array: np.ndarray, limits: tuple[float, float] | None = None) -> np.ndarray:
    """Scale a high-depth image of any shape to uint8, 0..255; uint8 is left as it is.

    Args:
        limits: the levels that are black and white, what is beyond them is cut off; `find_range`
            finds them if not given.

    Raises ValueError for pixels that are infinite or no numbers, if limits are not given.
    """
    if array.dtype == np.uint8:
        return array
    low, high = limits or find_range(array)
    factor = 255.0 / max(high - low, 1e-12)
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:
        levels = (np.arange(65536) - low) * factor
        return np.clip(np.rint(levels), 0, 255).astype(np.uint8)[array]
    scaled = np.empty(array.shape, np.uint8)
    for start in range(0, len(array), ROWS):  # as float64 a whole image may take gigabytes
        rows = slice(start, start + ROWS)
        levels = (array[rows].astype(np.float64) - low) * factor
        scaled[rows] = np.rint(np.clip(levels, 0, 255))
    return scaled
