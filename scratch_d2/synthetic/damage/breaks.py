"""Damage without bright streaks: clean cuts, grey rubs, torn ends of strokes."""

import numpy as np

from scratch_d2.synthetic.damage.contact import (
    Layer,
    bare_level,
    coverage_above,
    point_on_ink,
    point_on_text,
    random_direction,
)
from scratch_d2.synthetic.labels.label import Label
from scratch_d2.synthetic.labels.layout import MARGIN
from scratch_d2.synthetic.textures import lines, rotated_axes, smooth_noise, streak_noise
from scratch_d2.utils.opencv import cv2


def _box(along: np.ndarray, across: np.ndarray, size: tuple[float, float]) -> np.ndarray:
    """A box around the point where both axes are 0, with edges 1 px soft, HxW, 0..1."""
    inside = np.minimum(size[0] / 2 - np.abs(along), size[1] / 2 - np.abs(across))
    return np.clip(inside + 0.5, 0, 1).astype(np.float32)


def cut(rng: np.random.Generator, label: Label) -> Layer:
    """A clean gap through a character, or a piece of it missing, along straight edges."""
    shape = label.ink.shape
    cap = label.layout.text_size[1]
    angle = random_direction(rng, label) if rng.random() < 0.5 else label.layout.angle
    along, across = rotated_axes(shape, angle + rng.normal(0, 0.1), point_on_ink(rng, label))
    if rng.random() < 0.65:
        # The two sides of a gap need not be level.
        step = np.float32(rng.normal(0, 2)) * (along > 0)
        gone = _box(along, across + step, (rng.uniform(0.25, 0.8) * cap, rng.uniform(3, 11)))
    else:
        gone = _box(along, across, tuple(rng.uniform(0.12, 0.5, size=2) * cap))
    if rng.random() < 0.3:
        gone = gone * coverage_above(smooth_noise(rng, shape, 4) + np.float32(1.3), 0.4)
    return gone, np.minimum(label.paper, np.float32(265)) * np.float32(rng.uniform(0.93, 1.0))


def rubbed(rng: np.random.Generator, label: Label) -> Layer:
    """A grey smear over print and paper alike, often in columns across a character."""
    shape = label.ink.shape
    angle = label.layout.angle + rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.2)
    point = point_on_ink(rng, label) if rng.random() < 0.6 else point_on_text(rng, label)
    along, across = rotated_axes(shape, angle, point)
    long, wide = rng.uniform(16, 50), rng.uniform(7, 20)
    distance = np.sqrt((along / np.float32(long)) ** 2 + (across / np.float32(wide)) ** 2)
    inside = coverage_above(1 - distance + np.float32(0.15) * smooth_noise(rng, shape, 8), 0.25)
    threads = streak_noise(rng, shape, angle, rng.uniform(15, 60), rng.uniform(2, 6))
    inside = inside * coverage_above(threads + np.float32(rng.uniform(0.2, 2.0)), 0.6)
    paper = min(label.paper_level, 255.0)
    grey = label.ink_level + (paper - label.ink_level) * rng.uniform(0.35, 0.7)
    mottled = np.float32(grey) + np.float32(rng.uniform(0, 14)) * smooth_noise(rng, shape, 3)
    return inside * np.float32(rng.uniform(0.6, 1.0)), mottled


def _stroke_end(rng: np.random.Generator, label: Label) -> np.ndarray:
    """A point (x, y) of the print with little other print around it: an end or a corner."""
    around = cv2.GaussianBlur(label.ink, (0, 0), label.layout.text_size[1] / 9)
    rim = MARGIN + 6
    inner = (slice(rim, -rim), slice(rim, -rim))
    ys, xs = np.nonzero(label.ink[inner] > 0.5)
    density = around[inner][ys, xs]
    lonely = np.flatnonzero(density <= np.quantile(density, 0.1))
    index = rng.choice(lonely)
    return np.array([xs[index] + rim, ys[index] + rim], dtype=float)


def frayed(rng: np.random.Generator, label: Label) -> Layer:
    """The end of a stroke torn off, with wisps where it was."""
    shape = label.ink.shape
    end, angle = _stroke_end(rng, label), random_direction(rng, label)
    along, across = rotated_axes(shape, angle, end)
    long = rng.uniform(8, 24)
    wide = long * rng.uniform(0.5, 1.0)
    distance = np.sqrt((along / np.float32(long)) ** 2 + (across / np.float32(wide)) ** 2)
    ragged = np.float32(rng.uniform(0.2, 0.5)) * smooth_noise(rng, shape, rng.uniform(2, 6))
    torn = coverage_above(1 - distance + ragged, 0.12)
    count = int(rng.integers(2, 9))
    angles = angle + rng.normal(0, 0.25, size=count)
    starts = end + rng.normal(0, long / 3, size=(count, 2))
    tips = starts + rng.uniform(6, 26, size=(count, 1)) * np.stack(
        [np.cos(angles), np.sin(angles)], axis=1
    )
    wisps = lines(shape, starts, tips, rng.uniform(0.6, 2.2, count), rng.uniform(0.3, 1, count))
    bare, dark = bare_level(rng, label), label.ink_level + rng.uniform(20, 110)
    tone = bare * (1 - wisps) + np.float32(dark) * wisps
    return np.maximum(torn, wisps * np.float32(0.9)), tone
