"""Whether a photograph can be judged at all: limits learnt from Good training images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratch_d2.structures.resizing import shrink
from scratch_d2.utils.opencv import cv2

# Larger photographs are scaled down to this longer side, px, before they are measured.
MEASURED_SIDE = 256
# An image may depart from the training images a little: by a share of how far these spread.
TOLERANCE = 0.2
# Of the training images so many may be odd themselves, at either end.
ODD_SHARE = 0.002
# A photograph may be much smaller than those in training, and enlarged to the same.
SMALLEST_SHARE = 1 / 3


@dataclass(frozen=True)
class Measure:
    """One thing that is measured: its name and format, and what is wrong if it is out of limits."""

    name: str
    form: str
    low: str = ""
    high: str = ""


MEASURES = {
    "short_side": Measure("shorter side", "{:.3g} px", "it is too small"),
    "paper": Measure("brightest grey level", "{:.3g}", "it is too dark"),
    "contrast": Measure("grey levels", "{:.3g}", "it has too little contrast"),
    "grain": Measure("roughness", "{:.1%}", high="it is full of noise or of another pattern"),
    "two_tone": Measure("print told from paper", "{:.1%}", "it shows no print on paper"),
    "print_share": Measure("share of print", "{:.1%}", "hardly anything is printed on it"),
}
Limits = Mapping[str, float]


def measure_image(image: np.ndarray) -> dict[str, float]:
    """Measure an image, HxWx3 uint8 RGB.

    Returns:
        short_side: px.
        paper: 95th percentile of the grey levels, 0..255.
        contrast: from the 2nd to the 95th percentile, grey levels.
        two_tone: share of the variance that lies between print and paper, told apart by Otsu's
            threshold (N. Otsu 1979), 0..1.
        print_share: share of the pixels that are print by that threshold, 0..1.
        grain: mean absolute Laplacian, as a share of the contrast.
    """
    side = min(image.shape[:2])
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    scale = MEASURED_SIDE / max(grey.shape)
    if scale < 1:
        height, width = (max(1, round(side * scale)) for side in grey.shape)
        grey = shrink(grey, (height, width))
    # All but the grain follows from how often each grey level occurs.
    often = cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel().astype(float)
    darkest, paper = _percentile(often, 2), _percentile(often, 95)
    threshold, _ = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    is_print = np.arange(256) <= threshold
    share, two_tone = float(often[is_print].sum() / grey.size), 0.0
    variance = _moments(often)[1]
    if 0 < share < 1 and variance > 0:
        apart = _moments(often * ~is_print)[0] - _moments(often * is_print)[0]
        two_tone = share * (1 - share) * apart**2 / variance
    rough = cv2.norm(cv2.Laplacian(grey, cv2.CV_32F), cv2.NORM_L1) / grey.size
    return {
        "short_side": float(side),
        "paper": paper,
        "contrast": paper - darkest,
        "two_tone": two_tone,
        "print_share": share,
        "grain": rough / max(paper - darkest, 1.0),
    }


def _percentile(often: np.ndarray, percent: float) -> float:
    """Return what `np.percentile` returns of the levels 0..255 that occur so often."""
    upto = often.cumsum()
    place = (upto[-1] - 1) * percent / 100
    low, high = np.searchsorted(upto, [np.floor(place), np.ceil(place)], side="right")
    return float(low + (high - low) * (place % 1))


def _moments(often: np.ndarray) -> tuple[float, float]:
    """Return mean and variance of the levels 0..255 that occur so often."""
    levels, share = np.arange(256), often / often.sum()
    mean = float(share @ levels)
    return mean, float(share @ (levels - mean) ** 2)


@dataclass(frozen=True)
class ImageCheck:
    """Limits of what `measure_image` returns, those of the images that a gate was trained on."""

    low: Limits
    high: Limits

    @classmethod
    def learn(cls, images: Sequence[Mapping[str, float]]) -> ImageCheck:
        """Set limits a little beyond what was measured on Good training images."""
        low, high = {}, {}
        for name, measure in MEASURES.items():
            values = np.array([image[name] for image in images])
            ends = np.quantile(values, (ODD_SHARE, 1 - ODD_SHARE))
            middle = float(np.median(values))
            least, most = (float(end + TOLERANCE * (end - middle)) for end in ends)
            if measure.low:
                low[name] = least if name != "short_side" else float(ends[0]) * SMALLEST_SHARE
            if measure.high:
                high[name] = most
        return cls(low, high)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ImageCheck:
        """Rebuild from `to_dict`; what this version does not measure is left out."""
        low, high = (
            {name: float(limit) for name, limit in values[end].items() if name in MEASURES}
            for end in ("low", "high")
        )
        return cls(low, high)

    def to_dict(self) -> dict[str, dict[str, float]]:
        """Return plain values that a checkpoint can hold."""
        return {"low": dict(self.low), "high": dict(self.high)}

    def widened(self, other: ImageCheck) -> ImageCheck:
        """Return the limits that accept what either accepts."""
        low = {name: min(limit, other.low.get(name, limit)) for name, limit in self.low.items()}
        high = {name: max(limit, other.high.get(name, limit)) for name, limit in self.high.items()}
        return ImageCheck(low, high)

    def doubt(self, image: np.ndarray) -> str | None:
        """Say why an image, HxWx3 uint8 RGB, cannot be judged; None if it can."""
        measured = measure_image(image)
        for name, measure in MEASURES.items():
            value = measured[name]
            too_low = value < self.low.get(name, -np.inf)
            if too_low or value > self.high.get(name, np.inf):
                text = measure.low if too_low else measure.high
                limit = (self.low if too_low else self.high)[name]
                stated, bound = (measure.form.format(number) for number in (value, limit))
                return f"{text} ({measure.name} {stated}, limit {bound})"
        return None
