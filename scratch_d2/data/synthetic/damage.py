"""Scratches: what takes print off a label, or drags it where it does not belong.

Every kind returns how much of the label it replaces (float32 HxW, 0..1) and by what brightness
(float32 HxW or a single value).
"""

from collections.abc import Callable

import numpy as np

from scratch_d2.data.synthetic.labels import Label
from scratch_d2.data.synthetic.layout import MARGIN
from scratch_d2.data.synthetic.textures import lines, rotated_axes, smooth_noise, streak_noise
from scratch_d2.opencv import cv2

Layer = tuple[np.ndarray, np.ndarray | float]


def _point_on_ink(rng: np.random.Generator, label: Label) -> tuple[float, float]:
    """A random point (x, y) of the print inside the picture."""
    rim = MARGIN + 6
    ys, xs = np.nonzero(label.ink[rim:-rim, rim:-rim] > 0.5)
    index = rng.integers(len(xs))
    return float(xs[index] + rim), float(ys[index] + rim)


def _direction(rng: np.random.Generator, label: Label) -> float:
    """Most labels are scraped along the line of print or across it, radians."""
    chance = rng.random()
    if chance < 0.45:
        return label.layout.angle + rng.normal(0, 0.14)
    if chance < 0.65:
        return label.layout.angle + np.pi / 2 + rng.normal(0, 0.2)
    return rng.uniform(0, np.pi)


def _bare(rng: np.random.Generator, label: Label) -> np.ndarray:
    """Brightness where print is scraped off, HxW; mostly paper, sometimes ink is left on it."""
    paper = min(label.paper_level, 265.0)
    if rng.random() < 0.72:
        level = paper * rng.uniform(0.88, 1.0)
    else:
        level = label.ink_level + (paper - label.ink_level) * rng.uniform(0.5, 0.8)
    # A scrape seldom leaves a trace on the paper beside the print.
    trace = rng.uniform(0.2, 1.0) if rng.random() < 0.1 else 0.0
    return np.maximum(label.clean, level) * (1 - trace) + level * trace


def _threshold(field: np.ndarray, softness: float) -> np.ndarray:
    """Turn a field into coverage: 0 below -softness, 1 above +softness."""
    return np.clip(field / np.float32(2 * softness) + np.float32(0.5), 0, 1)


def streaks(rng: np.random.Generator, label: Label) -> Layer:
    """A bundle of fine parallel lines, each broken here and there."""
    shape = label.ink.shape
    count = int(np.exp(rng.uniform(np.log(3), np.log(46))))
    angle = _direction(rng, label)
    angles = angle + np.radians(rng.uniform(-1.25, 1.25, size=count))
    spread = rng.uniform(1.0, 3.4) * count**0.85
    longest = rng.uniform(20, 110)
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    middles = np.array(_point_on_ink(rng, label)) + np.outer(
        rng.uniform(-0.5, 0.5, size=count) * spread, across
    )
    middles += np.outer(rng.normal(0, 0.2, size=count) * longest, along)
    half = rng.uniform(0.12, 0.5, size=(count, 1)) * longest
    turned = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    widths = np.clip(rng.exponential(1.1, size=count) + 0.6, 0.6, 3)
    strengths = rng.uniform(0.45, 1.0, size=count)
    drawn = lines(shape, middles - half * turned, middles + half * turned, widths, strengths)
    broken = streak_noise(rng, shape, angle, rng.uniform(6, 25), rng.uniform(1, 3))
    return drawn * _threshold(broken + np.float32(rng.uniform(0.3, 1.6)), 0.5), _bare(rng, label)


def _bent_path(rng: np.random.Generator, label: Label, length: float) -> np.ndarray:
    """A slightly bent line through the print as points [9, 2]."""
    angle = _direction(rng, label)
    along = np.array([np.cos(angle), np.sin(angle)])
    t = np.linspace(-0.5, 0.5, 9)
    bend = rng.normal(0, 0.08) * length * (4 * t**2 - 0.5)
    middle = np.array(_point_on_ink(rng, label)) + rng.normal(0, 0.15) * length * along
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
    coverage = _threshold(body + rough * (body > 0.02) - np.float32(0.45), 0.15)
    if style == 1:
        angle = float(np.arctan2(*(path[-1] - path[0])[::-1]))
        flakes = streak_noise(rng, shape, angle, rng.uniform(4, 16), rng.uniform(1.5, 4))
        coverage = coverage * _threshold(flakes + np.float32(rng.uniform(-0.3, 0.7)), 0.35)
    return coverage, _bare(rng, label)


def _blob(rng: np.random.Generator, label: Label, reach: tuple[float, float]) -> np.ndarray:
    """A soft ragged ellipse on the print: 1 in its middle, 0 on its rim, below 0 outside."""
    shape = label.ink.shape
    angle = _direction(rng, label)
    along, across = rotated_axes(shape, angle, _point_on_ink(rng, label))
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
        angle = _direction(rng, label)
        spots = streak_noise(rng, shape, angle, rng.uniform(6, 20), rng.uniform(1.2, 3))
    inside = np.clip(blob * 3, 0, 1)
    share = np.float32(rng.uniform(-1.1, 0.1))
    return inside * _threshold(spots + 2 * blob + share, 0.4), _bare(rng, label)


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
    missing = _threshold(holes + wisps, 0.3)
    bare = _bare(rng, label)
    replaced = np.clip(inside * 4, 0, 1)
    return replaced, pulled * (1 - missing) + np.maximum(pulled, bare) * missing


def notch(rng: np.random.Generator, label: Label) -> Layer:
    """A clean bite out of a character, with straight sides."""
    x, y = _point_on_ink(rng, label)
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
    angle = _direction(rng, label)
    reach = int(rng.uniform(9, 32))
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), dtype=np.uint8)
    step = reach * np.array([np.cos(angle), np.sin(angle)])
    end = (int(round(reach + step[0])), int(round(reach + step[1])))
    cv2.line(kernel, (reach, reach), end, 1, 2)
    dragged = cv2.filter2D(label.ink, cv2.CV_32F, kernel.astype(np.float32) / kernel.sum())
    threads = streak_noise(rng, shape, angle, reach * 1.5, rng.uniform(1.2, 3))
    amount = np.clip(dragged * np.float32(rng.uniform(1.0, 1.8)), 0, 1)
    amount = amount * _threshold(threads + np.float32(rng.uniform(0.2, 1.5)), 0.8)
    tone = label.ink_level + rng.uniform(0, 60)
    if rng.random() < 0.3:
        grey = (label.ink_level + min(label.paper_level, 255.0)) * rng.uniform(0.4, 0.6)
        return blob * np.float32(rng.uniform(0.5, 0.9)), grey
    return blob * amount * (1 - label.ink), tone


KINDS: dict[str, tuple[Callable[[np.random.Generator, Label], Layer], float]] = {
    "streaks": (streaks, 0.34),
    "gouge": (gouge, 0.28),
    "worn": (worn, 0.13),
    "torn": (torn, 0.09),
    "notch": (notch, 0.08),
    "smear": (smear, 0.08),
}


def damage_label(rng: np.random.Generator, label: Label) -> tuple[np.ndarray, list[str]]:
    """Damage a label once to five times.

    Returns:
        The brightness, float32 HxW as `label.clean`, and the kinds of damage in order. Whether
        it shows depends on where it fell: a streak of bare paper beside the print is invisible.
    """
    names = list(KINDS)
    chances = np.array([chance for _, chance in KINDS.values()])
    count = int(rng.choice([1, 2, 3, 4, 5], p=[0.62, 0.22, 0.09, 0.04, 0.03]))
    kinds = [names[index] for index in rng.choice(len(names), size=count, p=chances)]
    scene = label.clean
    for kind in kinds:
        coverage, tone = KINDS[kind][0](rng, label)
        scene = (scene * (1 - coverage) + tone * coverage).astype(np.float32)
    return scene, kinds
