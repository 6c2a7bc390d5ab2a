"""Random fields from which ink, paper, wood and wear get their texture."""

import numpy as np

from scratch_d2.utils.opencv import cv2


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cell: float) -> np.ndarray:
    """Return blotches as float32 of the given shape, mean about 0, std about 1.

    Args:
        cell: size of a blotch, px.
    """
    rows, columns = (int(side / cell) + 4 for side in shape)
    grid = rng.standard_normal((rows, columns), dtype=np.float32)
    size = (int(columns * cell) + 1, int(rows * cell) + 1)
    field = cv2.resize(grid, size, interpolation=cv2.INTER_CUBIC)
    top, left = int(cell), int(cell)
    # Interpolating between grid points lowers the spread to about two thirds.
    return field[top : top + shape[0], left : left + shape[1]] * 1.4


def streak_noise(
    rng: np.random.Generator, shape: tuple[int, int], angle: float, length: float, width: float
) -> np.ndarray:
    """Return streaks as float32 of the given shape, mean about 0, std about 1.

    Args:
        angle: direction of the streaks, radians, from +x towards +y.
        length: length of a streak, px.
        width: width of a streak, px.
    """
    grid = rng.standard_normal((128, 64), dtype=np.float32)
    along, across = rotated_axes(shape, angle, (0.0, 0.0))
    offset = rng.uniform(0, 64, size=2)
    x = along * np.float32(1 / length) + np.float32(offset[0])
    y = across * np.float32(1 / width) + np.float32(offset[1])
    field = cv2.remap(grid, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return field * np.float32(1.5)


def grain(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> np.ndarray:
    """Return fine noise as float32 of the given shape, mean 0, std 1.

    Args:
        sigma: blur that makes neighbours alike, px; 0 leaves them independent.
    """
    field: np.ndarray = rng.standard_normal(shape, dtype=np.float32)
    if sigma <= 0:
        return field
    field = cv2.GaussianBlur(field, (0, 0), sigma)
    return field / max(float(field.std()), 1e-6)


def rotated_axes(
    shape: tuple[int, int], angle: float, centre: tuple[float, float] | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return, for every pixel, its px along and across a direction, both float32 HxW.

    Args:
        angle: the direction, radians, from +x towards +y.
        centre: point (x, y) where both are 0.
    """
    x = np.arange(shape[1], dtype=np.float32)[None, :] - np.float32(centre[0])
    y = np.arange(shape[0], dtype=np.float32)[:, None] - np.float32(centre[1])
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return x * cos + y * sin, y * cos - x * sin


def lines(
    shape: tuple[int, int],
    starts: np.ndarray,
    ends: np.ndarray,
    widths: np.ndarray,
    strengths: np.ndarray,
) -> np.ndarray:
    """Draw straight lines as float32 HxW, 0..1, where they cross the stronger wins.

    Args:
        starts, ends: [N, 2] points (x, y), px.
        widths: [N] px; below 1 is drawn as a fainter line of 1 px.
        strengths: [N] in 0..1.
    """
    drawn = np.zeros(shape, dtype=np.uint8)
    first, last = (np.rint(points * 16).astype(int) for points in (starts, ends))
    order = np.argsort(strengths)
    for index in order:
        level = 255 * float(strengths[index]) * min(1.0, float(widths[index]))
        thickness = max(1, round(float(widths[index])))
        begin, end = tuple(map(int, first[index])), tuple(map(int, last[index]))
        cv2.line(drawn, begin, end, level, thickness, cv2.LINE_AA, 4)
    return drawn.astype(np.float32) / 255
