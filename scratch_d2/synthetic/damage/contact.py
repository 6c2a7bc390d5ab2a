"""Where and how something touches the print, and what it leaves behind."""

import numpy as np

from scratch_d2.synthetic.labels.label import Label
from scratch_d2.synthetic.labels.layout import MARGIN

# What damage replaces (float32 HxW, 0..1) and by what brightness (float32 HxW or one value).
Layer = tuple[np.ndarray, np.ndarray | float]


def point_on_ink(rng: np.random.Generator, label: Label) -> np.ndarray:
    """A random point (x, y) of the print inside the picture."""
    rim = MARGIN + 6
    ys, xs = np.nonzero(label.ink[rim:-rim, rim:-rim] > 0.5)
    index = rng.integers(len(xs))
    return np.array([xs[index] + rim, ys[index] + rim], dtype=float)


def point_on_text(rng: np.random.Generator, label: Label) -> np.ndarray:
    """A random point (x, y) of the text's box."""
    angle = label.layout.angle
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    offset = rng.uniform(-0.5, 0.5, size=2) * label.layout.text_size
    return np.array(label.layout.centre) + turn @ offset


def random_direction(rng: np.random.Generator, label: Label) -> float:
    """Most labels are scraped along the line of print or across it, radians."""
    chance = rng.random()
    if chance < 0.45:
        return label.layout.angle + rng.normal(0, 0.14)
    if chance < 0.65:
        return label.layout.angle + np.pi / 2 + rng.normal(0, 0.2)
    return rng.uniform(0, np.pi)


def bare_level(rng: np.random.Generator, label: Label) -> np.ndarray:
    """Brightness where print is scraped off, HxW; mostly paper, sometimes ink is left on it."""
    paper = np.minimum(label.paper, np.float32(265))
    if rng.random() < 0.72:
        level = paper * rng.uniform(0.88, 1.0)
    else:
        level = label.ink_level + (paper - label.ink_level) * rng.uniform(0.5, 0.8)
    # A scrape seldom leaves a trace on the paper beside the print.
    trace = rng.uniform(0.2, 1.0) if rng.random() < 0.1 else 0.0
    return np.maximum(label.clean, level) * (1 - trace) + level * trace


def coverage_above(field: np.ndarray, softness: float) -> np.ndarray:
    """Turn a field into coverage: 0 below -softness, 1 above +softness."""
    return np.clip(field / np.float32(2 * softness) + np.float32(0.5), 0, 1)
