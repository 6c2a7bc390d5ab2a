"""How sharp and how noisy a photograph is."""

import numpy as np

from scratch_d2.synthetic.transfer.printed import grow
from scratch_d2.utils.opencv import cv2

# Brightness from which the camera may have clipped what it saw.
CLIPPED = 253
# The grain of pale ink is no noise of the camera, grey levels.
MAX_NOISE = 5.0
# What is assumed if there is too little print or paper to measure: sigma, px; grey levels.
USUAL_BLUR, USUAL_NOISE = 1.2, 2.0


def measure_blur(ink: np.ndarray) -> float:
    """Return the sigma of the print's outlines, px, from its coverage, float32 HxW, 0..1."""
    slopes = [cv2.Sobel(ink, cv2.CV_32F, 1 - axis, axis, scale=1 / 8) for axis in (0, 1)]
    steepness = np.sqrt(slopes[0] ** 2 + slopes[1] ** 2)[np.abs(ink - 0.5) < 0.15]
    if len(steepness) < 20:
        return USUAL_BLUR
    # A step blurred by sigma rises by 1 / (sigma * sqrt(2 pi)); the Sobel filter blurs by 0.65.
    variance = 1 / (2 * np.pi * float(np.median(steepness)) ** 2) - 0.42
    return float(np.sqrt(max(variance, 0.09)))


def measure_noise(grey: np.ndarray, paper: np.ndarray, ink: np.ndarray) -> tuple[float, float]:
    """Measure the noise on paper or, if that is clipped or too little, on print.

    Args:
        grey, paper: brightness with and without print, float32 HxW.
        ink: coverage, float32 HxW, 0..1.

    Returns:
        Its standard deviation, grey levels, and its blur (sigma, px).
    """
    on_paper = (ink < 0.02) & (np.abs(grey - paper) < 25) & (grey < CLIPPED)
    for place in (on_paper, ink > 0.8):
        flat = grow(place, -6)
        if np.count_nonzero(flat) >= 200:
            return _measure_flat(grey, flat)
    return USUAL_NOISE, 0.0


def _measure_flat(grey: np.ndarray, flat: np.ndarray) -> tuple[float, float]:
    """Measure the noise where nothing is drawn, HxW bool."""
    fine = grey - cv2.GaussianBlur(grey, (0, 0), 2)
    spread = 1.4826 * float(np.median(np.abs(fine[flat])))
    pairs = flat[:, 1:] & flat[:, :-1]
    products = (fine[:, 1:] * fine[:, :-1])[pairs]
    alike = float(products.sum()) / max(len(products) * float(fine[flat].var()), 1e-6)
    # White noise blurred by sigma resembles its neighbour by exp(-1 / (4 sigma ** 2)).
    sigma = 0.5 / np.sqrt(-np.log(alike)) if 0.05 < alike < 0.95 else 0.0
    return min(spread, MAX_NOISE), float(sigma)
