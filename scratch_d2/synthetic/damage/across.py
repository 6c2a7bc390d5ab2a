"""Damage that crosses all of the label: streaks everywhere, and the line of a fold."""

import numpy as np

from scratch_d2.synthetic.damage.contact import (
    Layer,
    bare_level,
    coverage_above,
    point_on_ink,
)
from scratch_d2.synthetic.labels.label import Label
from scratch_d2.synthetic.textures import rotated_axes, smooth_noise, streak_noise
from scratch_d2.utils.opencv import cv2


def _dragged(rng: np.random.Generator, label: Label, angle: float) -> np.ndarray:
    """The scene with its threads shifted along a direction, so that outlines fray."""
    shape = label.ink.shape
    far = np.float32(rng.uniform(0.0, 1.0))
    shift = far * streak_noise(rng, shape, angle, rng.uniform(30, 80), rng.uniform(1.2, 3))
    height, width = shape
    x = np.arange(width, dtype=np.float32)[None, :] + shift * np.float32(np.cos(angle))
    y = np.arange(height, dtype=np.float32)[:, None] + shift * np.float32(np.sin(angle))
    return cv2.remap(label.clean, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def scraped(rng: np.random.Generator, label: Label) -> Layer:
    """Bundles of fine streaks over all of the print, denser in some bands than in others."""
    shape = label.ink.shape
    angle = label.layout.angle + rng.choice([0.0, 0.0, np.pi / 2]) + rng.normal(0, 0.12)
    fine = streak_noise(rng, shape, angle, rng.uniform(30, 90), rng.uniform(1.5, 2.8))
    bands = streak_noise(rng, shape, angle, rng.uniform(60, 200), rng.uniform(8, 22))
    scarce = np.float32(rng.uniform(1.5, 2.7))
    missing = coverage_above(fine + np.float32(rng.uniform(0.6, 1.1)) * bands - scarce, 0.2)
    scene, bare = _dragged(rng, label, angle), bare_level(rng, label)
    scene = scene * (1 - missing) + np.maximum(scene, bare) * missing
    return label.layout.near_text(6).astype(np.float32), scene


def fold_line(rng: np.random.Generator, label: Label) -> Layer:
    """The line of a sharp fold through the whole label: bright on ink, grey on paper."""
    shape = label.ink.shape
    steep = rng.normal(0, 0.08) if rng.random() < 0.5 else rng.uniform(-1.3, 1.3)
    angle = label.layout.angle + steep
    along, across = rotated_axes(shape, angle, point_on_ink(rng, label))
    waves = smooth_noise(rng, shape, rng.uniform(12, 40))
    across = across + np.float32(rng.uniform(0.3, 2.5)) * waves
    half = np.float32(rng.uniform(0.6, 1.8))
    flakes = np.clip(smooth_noise(rng, shape, rng.uniform(3, 8)) - np.float32(0.4), 0, 3)
    half = half + flakes * np.float32(rng.uniform(0.5, 4)) * (label.ink > 0.3)
    line = np.clip(half + np.float32(0.5) - np.abs(across), 0, 1)
    line = line * (np.abs(along) < rng.uniform(40, 320))
    paper = np.minimum(label.paper, np.float32(255))
    bright, dark = paper * rng.uniform(0.65, 1.0), paper * rng.uniform(0.55, 0.95)
    tone = bright * label.ink + dark * (1 - label.ink)
    return line.astype(np.float32), tone.astype(np.float32)
