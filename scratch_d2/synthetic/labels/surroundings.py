"""Paper and what else is in the picture: the label's edge, wood or metal, specks."""

import numpy as np

from scratch_d2.synthetic.labels.drawings import add_drawings
from scratch_d2.synthetic.labels.layout import Layout
from scratch_d2.synthetic.textures import (
    grain,
    lines,
    rotated_axes,
    smooth_noise,
    streak_noise,
)
from scratch_d2.utils.opencv import cv2


def draw_paper(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[np.ndarray, float]:
    """Draw blank paper, float32 HxW, and its typical brightness; above 255 is overexposed."""
    overexposed = rng.random() < 0.8
    level = float(rng.uniform(256, 325) if overexposed else rng.uniform(205, 248))
    paper = np.full(shape, level, dtype=np.float32)
    paper += np.float32(rng.uniform(1, 9)) * smooth_noise(rng, shape, rng.uniform(60, 160))
    if not overexposed:
        paper += np.float32(rng.uniform(1, 9)) * grain(rng, shape, rng.uniform(0, 0.9))
    return paper, level


def _outside(rng: np.random.Generator, layout: Layout) -> np.ndarray:
    """How far each pixel lies beyond the label, HxW px; negative inside.

    A code is printed close to one edge of its label. The paper reaches far on the other side, so
    that a tilted label, in the middle of a wide crop, shows one edge and a corner of white paper.
    """
    along, across = layout.axes()
    width, height = layout.text_size
    near, tilted = rng.choice([-1, 1]), abs(np.sin(2 * layout.angle)) > 0.35
    edges = (
        (across * near, height / 2, 0.7 if tilted else 0.35, 9, 45),
        (-across * near, height / 2, 0.1, 25, 90),
        (along, width / 2, 0.12, 9, 60),
        (-along, width / 2, 0.12, 9, 60),
    )
    beyond = np.full(layout.size, -1e3, dtype=np.float32)
    for axis, half, chance, nearest, farthest in edges:
        gap = np.float32(rng.uniform(nearest, farthest))
        if rng.random() < chance:
            np.maximum(beyond, axis - np.float32(half) - gap, out=beyond)
    return beyond


def _table(rng: np.random.Generator, layout: Layout) -> np.ndarray:
    """Wood or metal under the label, with grain and bright scratches of its own, HxW."""
    shape = layout.size
    level = rng.uniform(18, 60) if rng.random() < 0.7 else rng.uniform(60, 110)
    if rng.random() < 0.65:
        angle = layout.angle + rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.1)
        table = level + rng.uniform(3, 13) * streak_noise(rng, shape, angle, 70, rng.uniform(2, 5))
    else:
        table = level + rng.uniform(3, 10) * smooth_noise(rng, shape, rng.uniform(2, 12))
    table = table + np.float32(rng.uniform(1, 5)) * grain(rng, shape, 0.6)
    count = int(rng.integers(0, 9))
    brighter = np.float32(rng.uniform(20, 90))
    return np.maximum(table + brighter * _scratch_lines(rng, shape, count), 5).astype(np.float32)


def _scratch_lines(rng: np.random.Generator, shape: tuple[int, int], count: int) -> np.ndarray:
    """Thin straight lines anywhere in the picture, HxW, 0..1."""
    starts = rng.uniform(0, 1, size=(count, 2)) * (shape[1], shape[0])
    angle = rng.uniform(0, np.pi) + rng.normal(0, 0.2, size=count)
    length = rng.uniform(10, 90, size=(count, 1))
    ends = starts + length * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return lines(shape, starts, ends, rng.uniform(0.6, 2, count), rng.uniform(0.3, 1, count))


def _specks(rng: np.random.Generator, layout: Layout) -> np.ndarray:
    """A few dark dots, HxW, 0..1."""
    drawn = np.zeros(layout.size, dtype=np.uint8)
    for _ in range(int(rng.integers(1, 9))):
        x, y = rng.uniform(0, 16, size=2) * layout.size[::-1]
        radius, level = rng.uniform(6, 24), rng.uniform(40, 200)
        cv2.circle(drawn, (int(x), int(y)), int(radius), level, -1, cv2.LINE_AA, 4)
    return drawn.astype(np.float32) / 255


def fold(rng: np.random.Generator, layout: Layout) -> np.ndarray:
    """The shading of a fold of the label, sharp on one side, HxW factor for print and paper."""
    angle = rng.uniform(0, np.pi)
    place = rng.uniform(0, 1, size=2) * layout.size[::-1]
    _, across = rotated_axes(layout.size, angle, (float(place[0]), float(place[1])))
    soft = np.exp(-np.abs(across) / np.float32(rng.uniform(4, 40)))
    return (1 - np.float32(rng.uniform(-0.06, 0.13)) * soft * (across > 0)).astype(np.float32)


def _reflection(rng: np.random.Generator, layout: Layout) -> np.ndarray:
    """A band or panel of other brightness beside or across the print, HxW factor."""
    along, across = layout.axes()
    axis = along if rng.random() < 0.7 else across
    start = rng.uniform(-0.7, 0.7) * layout.text_size[0]
    softness = np.float32(rng.choice([1.0, 20.0]))
    step = 1 / (1 + np.exp(np.clip((start - axis) / softness, -30, 30)))
    if rng.random() < 0.4:
        step = step * step[::-1, ::-1]
    return (1 + rng.uniform(-0.16, 0.05) * step).astype(np.float32)


def add_surroundings(rng: np.random.Generator, layout: Layout, paper: np.ndarray) -> np.ndarray:
    """Return the paper with everything around the print, float32 HxW, grey levels."""
    scene = paper
    free = (~layout.near_text(5)).astype(np.float32)
    if rng.random() < 0.15:
        scene = scene * _reflection(rng, layout)
    if rng.random() < 0.35:
        scene = scene * (1 - _specks(rng, layout))
    scene = add_drawings(rng, layout, scene)
    if rng.random() < 0.14:
        drawn = _scratch_lines(rng, layout.size, int(rng.integers(1, 7))) * free
        scene = scene - np.float32(rng.uniform(20, 110)) * drawn
    beyond = _outside(rng, layout)
    if beyond.max() > 0:
        table = np.clip(beyond + 0.5, 0, 1)
        scene = scene * (1 - table) + _table(rng, layout) * table
    return scene
