"""Photographs as arrays: HxWx3 uint8 RGB, 0..255."""

import numpy as np

ROWS = 256


def check_rgb(image: np.ndarray) -> None:
    """Raise ValueError unless an array is a photograph: HxWx3 uint8, not empty."""
    shape = np.shape(image)
    kind = getattr(image, "dtype", type(image).__name__)
    if kind != np.uint8 or len(shape) != 3 or shape[2] != 3 or 0 in shape:
        raise ValueError(f"an image must be HxWx3 uint8 RGB, but got {kind} {shape}")


def to_uint8(array: np.ndarray) -> np.ndarray:
    """Scale an HxW array of a high-depth image to uint8, 0..255.

    Up to 16 bits the full range of 0..65535 is mapped; Pillow's own conversion would clip at 255.
    Wider integers and floats have no agreed white point and are scaled from their own minimum
    and maximum. Raises ValueError for pixels that are infinite or no numbers.
    """
    if array.dtype == np.uint8:
        return array
    least, most = float(array.min()), float(array.max())
    if not np.isfinite([least, most]).all():
        raise ValueError(f"pixels must be finite numbers, but reach from {least} to {most}")
    low, high = 0.0, 65535.0
    if array.dtype.kind == "f" or least < low or most > high:
        low, high = least, most
    factor = 255.0 / max(high - low, 1e-12)
    scaled = np.empty(array.shape, np.uint8)
    for start in range(0, len(array), ROWS):  # as float64 a whole image may take gigabytes
        rows = slice(start, start + ROWS)
        scaled[rows] = np.rint((array[rows].astype(np.float64) - low) * factor)
    return scaled
