"""Damage along lines: fine streaks, gouges, and what a creased ribbon leaves out."""

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
from scratch_d2.synthetic.textures import lines, rotated_axes, smooth_noise, streak_noise
from scratch_d2.utils.opencv import cv2


def _broken_lines(
    rng: np.random.Generator,
    label: Label,
    angle: float,
    middles: np.ndarray,
    lengths: np.ndarray,
    faintest: float,
) -> np.ndarray:
    """Nearly parallel lines of 0.6 to 3 px, each broken here and there, HxW, 0..1.

    Args:
        angle: their direction, radians.
        middles: [N, 2] points (x, y), px.
        lengths: [N] px.
        faintest: strength of the faintest line, 0..1.
    """
    shape, count = label.ink.shape, len(middles)
    angles = angle + np.radians(rng.uniform(-1.25, 1.25, size=count))
    half = lengths[:, None] / 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    widths = np.clip(rng.exponential(1.1, size=count) + 0.6, 0.6, 3)
    strengths = rng.uniform(faintest, 1.0, size=count)
    drawn = lines(shape, middles - half, middles + half, widths, strengths)
    gaps = streak_noise(rng, shape, angle, rng.uniform(6, 25), rng.uniform(1, 3))
    return drawn * coverage_above(gaps + np.float32(rng.uniform(0.3, 1.7)), 0.5)


def streaks(rng: np.random.Generator, label: Label) -> Layer:
    """A bundle of fine parallel lines."""
    count = int(np.exp(rng.uniform(np.log(3), np.log(46))))
    angle = random_direction(rng, label)
    spread = rng.uniform(1.0, 3.4) * count**0.85
    longest = rng.uniform(20, 110)
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    middles = point_on_ink(rng, label) + np.outer(rng.uniform(-0.5, 0.5, count) * spread, across)
    middles += np.outer(rng.normal(0, 0.2, size=count) * longest, along)
    lengths = rng.uniform(0.24, 1.0, size=count) * longest
    coverage = _broken_lines(rng, label, angle, middles, lengths, 0.45)
    return coverage, bare_level(rng, label)


def scoured(rng: np.random.Generator, label: Label) -> Layer:
    """Fine parallel lines all over the print, as if it had been dragged over something rough."""
    count = int(rng.integers(12, 80))
    angle = label.layout.angle + rng.choice([0.0, 0.0, np.pi / 2]) + rng.normal(0, 0.2)
    middles = np.array([point_on_text(rng, label) for _ in range(count)])
    lengths = rng.uniform(8, rng.uniform(40, 110), size=count)
    coverage = _broken_lines(rng, label, angle, middles, lengths, 0.3)
    return coverage, bare_level(rng, label)


def _band(rng: np.random.Generator, across: np.ndarray, angle: float) -> np.ndarray:
    """A straight band along the line where `across` is 0, clear or full of flakes, HxW, 0..1."""
    width = float(np.exp(rng.uniform(np.log(1.5), np.log(9))))
    band = np.clip(np.float32(width / 2 + 0.5) - np.abs(across), 0, 1)
    if width > 3 or rng.random() < 0.5:
        flakes = streak_noise(rng, across.shape, angle, rng.uniform(4, 30), rng.uniform(1.5, 4))
        band *= coverage_above(flakes + np.float32(rng.uniform(-0.3, 1.5)), 0.4)
    return band * np.float32(rng.uniform(0.5, 1.0))


def creases(rng: np.random.Generator, label: Label) -> Layer:
    """Bands across all of the print where a creased ribbon left little or no ink."""
    shape = label.ink.shape
    steep = rng.uniform(0.5, np.pi / 2) if rng.random() < 0.7 else rng.uniform(-0.2, 0.2)
    angle = label.layout.angle + rng.choice([-1, 1]) * steep
    _, across = rotated_axes(shape, angle, point_on_ink(rng, label))
    across += np.float32(rng.uniform(0, 2)) * smooth_noise(rng, shape, rng.uniform(15, 50))
    places = np.cumsum(np.r_[0, rng.uniform(6, 45, size=rng.integers(0, 4))]).astype(np.float32)
    bands = [_band(rng, across - place, angle) for place in places]
    return np.maximum.reduce(bands), bare_level(rng, label)


def _bent_path(rng: np.random.Generator, label: Label, length: float) -> np.ndarray:
    """A slightly bent line through the print as points [9, 2]."""
    angle = random_direction(rng, label)
    along = np.array([np.cos(angle), np.sin(angle)])
    t = np.linspace(-0.5, 0.5, 9)
    bend = rng.normal(0, 0.08) * length * (4 * t**2 - 0.5)
    middle = point_on_ink(rng, label) + rng.normal(0, 0.15) * length * along
    return middle + np.outer(t * length, along) + np.outer(bend, [-along[1], along[0]])


def gouge(rng: np.random.Generator, label: Label) -> Layer:
    """A single wide furrow: clear, flaky, or a row of beads."""
    shape = label.ink.shape
    width = float(np.exp(rng.uniform(np.log(3), np.log(24))))
    path = _bent_path(rng, label, rng.uniform(18, 105))
    drawn = np.zeros(shape, dtype=np.uint8)
    style = rng.choice(3, p=[0.45, 0.35, 0.2])
    if style == 2:
        steps = rng.uniform(0, 8, size=int(rng.integers(4, 14)))
        for x, y in np.stack([np.interp(steps, np.arange(9), axis) for axis in path.T], axis=1):
            radius = int(max(1.2, width * rng.uniform(0.15, 0.5)) * 16)
            cv2.circle(drawn, (int(x * 16), int(y * 16)), radius, 255, -1, cv2.LINE_AA, 4)
    else:
        points = [np.rint(path * 16).astype(np.int32)]
        cv2.polylines(drawn, points, False, 255, max(2, round(width)), cv2.LINE_AA, 4)
    body = cv2.GaussianBlur(drawn, (0, 0), max(0.8, width * 0.14)).astype(np.float32) / 255
    rough = np.float32(rng.uniform(0.05, 0.25)) * smooth_noise(rng, shape, rng.uniform(2, 5))
    coverage = coverage_above(body + rough * (body > 0.02) - np.float32(0.45), 0.15)
    if style == 1:
        angle = float(np.arctan2(*(path[-1] - path[0])[::-1]))
        flakes = streak_noise(rng, shape, angle, rng.uniform(4, 16), rng.uniform(1.5, 4))
        coverage = coverage * coverage_above(flakes + np.float32(rng.uniform(-0.3, 0.7)), 0.35)
    return coverage, bare_level(rng, label)
