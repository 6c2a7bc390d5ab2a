"""What else is printed beside the code: outline drawings, pictograms, characters of other lines."""

from collections.abc import Callable

import numpy as np

from scratch_d2.synthetic.labels.glyphs import CHARACTERS, rasterise
from scratch_d2.synthetic.labels.layout import MARGIN, Layout
from scratch_d2.synthetic.textures import smooth_noise
from scratch_d2.utils.opencv import cv2


def _pen(rng: np.random.Generator) -> int:
    return int(rng.choice([1, 2, 2, 3, 3]))


def _corner(rng: np.random.Generator, layout: Layout, spread: float) -> np.ndarray:
    """A point (x, y) near a corner of the scene."""
    height, width = layout.size
    return rng.integers(0, 2, size=2) * (width, height) + rng.normal(0, spread, size=2)


def _draw(layout: Layout, paths: list[tuple[np.ndarray, bool]], pen: int) -> np.ndarray:
    """Draw paths of points [N, 2], closed or open, as coverage, HxW, 0..1."""
    drawn = np.zeros(layout.size, dtype=np.uint8)
    for points, closed in paths:
        fixed = [np.rint(points * 16).astype(np.int32)]
        cv2.polylines(drawn, fixed, closed, 255, pen, cv2.LINE_AA, 4)
    return drawn.astype(np.float32) / 255


def _to_scene(layout: Layout, points: np.ndarray) -> np.ndarray:
    """Turn points along and across the text into points (x, y) of the scene."""
    cos, sin = np.cos(layout.angle), np.sin(layout.angle)
    return points @ np.array([[cos, sin], [-sin, cos]]) + layout.centre


def _angular(rng: np.random.Generator, layout: Layout) -> np.ndarray:
    """Part of an angular emblem near a corner."""
    steps = np.cumsum(rng.normal(0, 14, size=(6, 2)), axis=0)
    points = _corner(rng, layout, 14) + steps
    return _draw(layout, [(points, bool(rng.random() < 0.5))], _pen(rng))


def _arc(start: float, end: float, radius: float, centre: tuple[float, float]) -> np.ndarray:
    angle = np.radians(np.linspace(start, end, 16))
    return np.array(centre) + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _tabbed_outline(rng: np.random.Generator, layout: Layout) -> np.ndarray:
    """The rounded corner of a large outline, with a small box that hangs on its side."""
    reach, radius = rng.uniform(4, 34), rng.uniform(10, 30)
    corner = _arc(90, 0, radius, (reach, -radius))
    end = np.array([[reach + radius, -radius - rng.uniform(20, 90)]])
    side = np.concatenate([[(-rng.uniform(40, 130), 0.0)], corner, end])
    width, height = rng.uniform(18, 36), rng.uniform(10, 22)
    box = np.array([(-width, 0.0), (-width, height), (0, height), (0, 0)])
    if rng.random() < 0.3:
        box[1:3, 0] += np.array([1, -1]) * rng.uniform(2, 6)  # a trapezoid
    towards = rng.choice([-1, 1])  # the box hangs towards the text
    place = rng.uniform(-0.6, 0.6) * layout.text_size[0]
    away = layout.text_size[1] / 2 + height + rng.uniform(2, 60)
    flip = np.array([rng.choice([-1, 1]), -towards])
    paths = [(_to_scene(layout, p * flip + (place, towards * away)), False) for p in (side, box)]
    return _draw(layout, paths, _pen(rng))


def _polygon(corners: int, radius: float, turn: float) -> np.ndarray:
    angle = turn + 2 * np.pi * np.arange(corners) / corners
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _pictogram(rng: np.random.Generator, layout: Layout) -> np.ndarray:
    """A small sign near a corner: a circle, triangle or box, often with another one inside."""
    middle, radius = _corner(rng, layout, 18), rng.uniform(8, 24)
    turn = layout.angle + rng.uniform(-0.3, 0.3)
    paths = [(middle + _polygon(int(rng.choice([3, 4, 6, 24])), radius, turn), True)]
    if rng.random() < 0.6:
        inner = radius * rng.uniform(0.3, 0.7)
        shift = rng.normal(0, 0.15, size=2) * radius
        paths.append((middle + shift + _polygon(int(rng.choice([3, 4, 24])), inner, turn), True))
    if rng.random() < 0.4:
        line = np.outer([-1, 1], [np.cos(turn), np.sin(turn)]) * radius * rng.uniform(0.8, 2)
        paths.append((middle + line, False))
    return _draw(layout, paths, _pen(rng))


def _other_print(rng: np.random.Generator, layout: Layout) -> np.ndarray:
    """A smaller character of another line, cut off by the picture's side, HxW, 0..1."""
    weight = 0.2 if rng.random() < 0.5 else 0.1
    glyph = rasterise(CHARACTERS[rng.integers(len(CHARACTERS))], weight, 64)
    cos, sin = np.cos(layout.angle), np.sin(layout.angle)
    scale = rng.uniform(0.3, 0.75)
    width, height = layout.text_size
    offset = rng.choice([-1, 1]) * (height / 2 + rng.uniform(14, 40))
    along = rng.uniform(-width / 2, width / 2)
    x = layout.centre[0] + along * cos - offset * sin
    y = layout.centre[1] + along * sin + offset * cos
    turn = scale * np.array([[cos, -sin], [sin, cos]])
    shift = np.array([x, y]) - turn @ (np.array(glyph.shape[::-1]) / 2)
    matrix = np.column_stack([turn, shift])
    return cv2.warpAffine(glyph, matrix, layout.size[::-1]).astype(np.float32) / 255


# Chances that a label has each of them; the first may come twice.
DRAWINGS: tuple[tuple[Callable[[np.random.Generator, Layout], np.ndarray], float], ...] = (
    (_tabbed_outline, 0.55),
    (_tabbed_outline, 0.15),
    (_pictogram, 0.2),
    (_angular, 0.12),
    (_other_print, 0.2),
)


# Places that are tried for a drawing; little room is free beside most labels.
TRIES = 10


def _most_visible(drawings: list[np.ndarray]) -> np.ndarray:
    """Return the drawing, HxW, of which the picture shows most."""
    inner = slice(MARGIN, -MARGIN)
    return max(drawings, key=lambda drawn: float(drawn[inner, inner].sum()))


def _faint_gaps(rng: np.random.Generator, drawn: np.ndarray) -> np.ndarray:
    """Let the light eat parts of thin lines."""
    gaps = smooth_noise(rng, drawn.shape, rng.uniform(6, 16)) + np.float32(rng.uniform(-0.3, 1.0))
    return drawn * np.clip(gaps, 0, 1)


def add_drawings(rng: np.random.Generator, layout: Layout, scene: np.ndarray) -> np.ndarray:
    """Print drawings and other characters beside the text on a scene, float32 HxW."""
    free = (~layout.near_text(5)).astype(np.float32)
    for draw, chance in DRAWINGS:
        if rng.random() >= chance:
            continue
        drawn = _most_visible([draw(rng, layout) * free for _ in range(TRIES)])
        if rng.random() < 0.25:
            drawn = _faint_gaps(rng, drawn)
        tone = rng.uniform(30, 90) if rng.random() < 0.65 else rng.uniform(90, 235)
        scene = scene * (1 - drawn) + np.float32(tone) * drawn
    return scene
