"""Damage in patches: worn, torn and notched characters, smeared ink."""

import numpy as np

from scratch_d2.synthetic.damage.contact import (
    Layer,
    bare_level,
    coverage_above,
    point_on_ink,
    random_direction,
)
from scratch_d2.synthetic.labels.label import Label
from scratch_d2.synthetic.textures import rotated_axes, smooth_noise, streak_noise
from scratch_d2.utils.opencv import cv2


def _blob(rng: np.random.Generator, label: Label, reach: tuple[float, float]) -> np.ndarray:
    """A soft ragged ellipse on the print: 1 in its middle, 0 on its rim, below 0 outside."""
    shape = label.ink.shape
    angle = random_direction(rng, label)
    along, across = rotated_axes(shape, angle, point_on_ink(rng, label))
    long = rng.uniform(*reach)
    short = long * rng.uniform(0.4, 1.0)
    distance = np.sqrt((along / np.float32(long)) ** 2 + (across / np.float32(short)) ** 2)
    return 1 - distance + np.float32(0.15) * smooth_noise(rng, shape, long / 3)


def worn(rng: np.random.Generator, label: Label) -> Layer:
    """A patch where the ink has come off in spots or fine strokes, most in the middle."""
    shape = label.ink.shape
    blob = _blob(rng, label, (9, 36))
    if rng.random() < 0.5:
        spots = smooth_noise(rng, shape, rng.uniform(1.6, 5))
    else:
        angle = random_direction(rng, label)
        spots = streak_noise(rng, shape, angle, rng.uniform(6, 20), rng.uniform(1.2, 3))
    inside = np.clip(blob * 3, 0, 1)
    share = np.float32(rng.uniform(-1.1, 0.1))
    return inside * coverage_above(spots + 2 * blob + share, 0.4), bare_level(rng, label)


def torn(rng: np.random.Generator, label: Label) -> Layer:
    """A character pulled out of shape, with pieces missing and wisps of ink around it."""
    shape = label.ink.shape
    inside = np.clip(_blob(rng, label, (16, 34)) * 2.5, 0, 1)
    height, width = shape
    pull = np.float32(rng.uniform(3, 9)) * inside
    cell = rng.uniform(6, 14)
    x = np.arange(width, dtype=np.float32)[None, :] + pull * smooth_noise(rng, shape, cell)
    y = np.arange(height, dtype=np.float32)[:, None] + pull * smooth_noise(rng, shape, cell)
    pulled = cv2.remap(label.clean, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    holes = smooth_noise(rng, shape, rng.uniform(4, 9)) - np.float32(rng.uniform(-0.2, 0.7))
    wisps = smooth_noise(rng, shape, rng.uniform(1.5, 3)) * np.float32(0.2)
    missing = coverage_above(holes + wisps, 0.3)
    bare = bare_level(rng, label)
    replaced = np.clip(inside * 4, 0, 1)
    return replaced, pulled * (1 - missing) + np.maximum(pulled, bare) * missing


def notch(rng: np.random.Generator, label: Label) -> Layer:
    """A clean bite out of a character, with straight sides."""
    x, y = point_on_ink(rng, label)
    angles = np.sort(rng.uniform(0, 2 * np.pi, size=int(rng.integers(4, 8))))
    radii = rng.uniform(5, 17, size=len(angles))
    points = np.stack([x + radii * np.cos(angles), y + radii * np.sin(angles)], axis=1)
    drawn = np.zeros(label.ink.shape, dtype=np.uint8)
    cv2.fillPoly(drawn, [np.rint(points * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return drawn.astype(np.float32) / 255, label.paper


def smear(rng: np.random.Generator, label: Label) -> Layer:
    """Ink dragged over the paper beside it, or a grey rub over the print."""
    shape = label.ink.shape
    blob = np.clip(_blob(rng, label, (14, 36)) * 2, 0, 1)
    angle = random_direction(rng, label)
    reach = int(rng.uniform(9, 32))
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), dtype=np.uint8)
    step = reach * np.array([np.cos(angle), np.sin(angle)])
    end = (int(round(reach + step[0])), int(round(reach + step[1])))
    cv2.line(kernel, (reach, reach), end, 1, 2)
    dragged = cv2.filter2D(label.ink, cv2.CV_32F, kernel.astype(np.float32) / kernel.sum())
    threads = streak_noise(rng, shape, angle, reach * 1.5, rng.uniform(1.2, 3))
    amount = np.clip(dragged * np.float32(rng.uniform(1.0, 1.8)), 0, 1)
    amount = amount * coverage_above(threads + np.float32(rng.uniform(0.2, 1.5)), 0.8)
    tone = label.ink_level + rng.uniform(0, 60)
    if rng.random() < 0.3:
        grey = (label.ink_level + min(label.paper_level, 255.0)) * rng.uniform(0.4, 0.6)
        return blob * np.float32(rng.uniform(0.5, 0.9)), grey
    return blob * amount * (1 - label.ink), tone
