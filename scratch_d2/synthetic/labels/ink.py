"""The brightness of print: dark or pale, faded, mottled, streaked and grainy, all of it Good."""

import numpy as np

from scratch_d2.synthetic.labels.layout import Layout
from scratch_d2.synthetic.textures import grain, smooth_noise, streak_noise
from scratch_d2.utils.opencv import cv2


def _fade(rng: np.random.Generator, layout: Layout) -> np.ndarray:
    """Brightness that changes from character to character or from end to end, HxW, >= 0."""
    knots: np.ndarray
    chance = rng.random()
    if chance < 0.16:
        ends = rng.uniform(25, 95) * np.linspace(0, 1, 6) ** rng.uniform(0.8, 2.5)
        knots = ends if rng.random() < 0.5 else ends[::-1]
    elif chance < 0.45:
        knots = rng.uniform(0, rng.uniform(10, 45), size=6)
    else:
        knots = rng.uniform(0, 8, size=6)
    along, across = layout.axes()
    width, height = layout.text_size
    places = np.linspace(-width / 2, width / 2, 6)
    tilt = np.float32(rng.normal(0, 0.15))
    profile = np.interp((along + across * tilt).ravel(), places, knots)
    return profile.reshape(along.shape).astype(np.float32)


def _random_texture(rng: np.random.Generator, layout: Layout, pale: bool) -> np.ndarray:
    """Mottling, streaks and grain around 0, HxW, grey levels."""
    shape = layout.size
    mottling = rng.uniform(5, 16) if pale else rng.uniform(1, 7)
    texture = np.float32(mottling) * smooth_noise(rng, shape, rng.uniform(3, 16))
    if rng.random() < (0.5 if pale else 0.35):
        angle = layout.angle + rng.choice([0.0, np.pi / 2]) + rng.normal(0, 0.15)
        strength = rng.uniform(4, 15 if pale else 10)
        streaks = streak_noise(rng, shape, angle, rng.uniform(12, 60), rng.uniform(1.5, 5))
        texture += np.float32(strength) * streaks
    roughness = rng.uniform(4, 14) if pale else rng.uniform(1.5, 4.5)
    return texture + np.float32(roughness) * grain(rng, shape, rng.uniform(0.5, 1.0))


def _step(rng: np.random.Generator, layout: Layout) -> np.ndarray:
    """Paler ink on one side of a line through the print, HxW, grey levels."""
    along, across = layout.axes()
    angle = rng.uniform(0, 2 * np.pi)
    start = rng.uniform(-0.4, 0.4) * layout.text_size[0] * np.cos(angle)
    distance = along * np.float32(np.cos(angle)) + across * np.float32(np.sin(angle))
    beyond = np.clip((distance - np.float32(start)) / np.float32(rng.uniform(1, 8)), 0, 1)
    return np.float32(rng.uniform(5, 40)) * beyond


def _wrinkle(rng: np.random.Generator, layout: Layout) -> np.ndarray:
    """A darker or paler patch of creased ink, HxW, grey levels around 0."""
    along, across = layout.axes()
    middle = (rng.uniform(-0.5, 0.5, size=2) * layout.text_size).astype(np.float32)
    reach = rng.uniform(8, 45, size=2).astype(np.float32)
    along, across = (along - middle[0]) / reach[0], (across - middle[1]) / reach[1]
    if rng.random() < 0.5:
        angle = rng.uniform(0, np.pi)
        pattern = streak_noise(rng, layout.size, angle, rng.uniform(8, 40), rng.uniform(2.5, 7))
    else:
        pattern = smooth_noise(rng, layout.size, rng.uniform(3, 9))
    height = rng.uniform(4, 16) if rng.random() < 0.7 else rng.uniform(16, 30)
    relief = np.float32(height) * pattern + np.float32(rng.uniform(-25, 12))
    return np.exp(-(along**2) - across**2) * relief


def _uneven_edges(rng: np.random.Generator, ink: np.ndarray) -> np.ndarray:
    """Let the outline of the print swell and shrink by a fraction of a pixel."""
    wave = rng.uniform(0.08, 0.28) * smooth_noise(rng, ink.shape, rng.uniform(2, 6))
    edge = np.float32(4) * ink * (1 - ink)
    return np.clip(ink + edge * wave.astype(np.float32), 0, 1)


def _pinholes(rng: np.random.Generator, ink: np.ndarray) -> np.ndarray:
    """Thin the ink at a few tiny points, too faint to count as damage."""
    ys, xs = np.nonzero(ink > 0.9)
    if not len(xs):
        return ink
    holed = ink.copy()
    for index in rng.integers(0, len(xs), size=rng.integers(2, 14)):
        y, x = int(ys[index]), int(xs[index])
        holed[y : y + 2, x : x + 1 + int(rng.integers(2))] *= np.float32(rng.uniform(0.7, 0.95))
    return holed


def _ragged_spots(rng: np.random.Generator, ink: np.ndarray) -> np.ndarray:
    """Let ink spread or be missing at a few tiny places of the outline, as on any printer."""
    ys, xs = np.nonzero((ink > 0.2) & (ink < 0.8))
    if not len(xs):
        return ink
    spotted = ink.copy()
    for index in rng.integers(0, len(xs), size=rng.integers(1, 9)):
        centre = (int(xs[index]) * 16, int(ys[index]) * 16)
        axes = (int(rng.uniform(10, 72)), int(rng.uniform(8, 26)))
        angle, tone = rng.uniform(0, 180), float(rng.integers(2))
        cv2.ellipse(spotted, centre, axes, angle, 0, 360, tone, -1, cv2.LINE_8, 4)
    return spotted


def _bled(rng: np.random.Generator, ink: np.ndarray) -> np.ndarray:
    """Let ink creep into the paper around it, or only into the narrow gaps of a character."""
    if rng.random() < 0.5:
        around = cv2.GaussianBlur(ink, (0, 0), rng.uniform(2.5, 6))
    else:
        width = 2 * int(rng.integers(3, 8)) + 1
        gap = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
        around = cv2.GaussianBlur(cv2.morphologyEx(ink, cv2.MORPH_CLOSE, gap), (0, 0), 1.5)
    return np.maximum(ink, around * np.float32(rng.uniform(0.08, 0.4)))


def ink_tone(
    rng: np.random.Generator, layout: Layout, ink: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Draw the brightness of the print.

    Args:
        ink: coverage as drawn, float32 HxW, 0..1.

    Returns:
        The brightness of the ink, float32 HxW, grey levels; the coverage with all that
        uneven printing does to it; the typical brightness.
    """
    pale = bool(rng.random() < 0.15)
    level = float(rng.uniform(80, 130) if pale else rng.triangular(16, 28, 72))
    tone = level + _fade(rng, layout) + _random_texture(rng, layout, pale)
    if rng.random() < 0.12:
        tone = tone + _step(rng, layout)
    for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.6, 0.22, 0.12, 0.06]))):
        tone = tone + _wrinkle(rng, layout)
    if rng.random() < 0.5:
        ink = _uneven_edges(rng, ink)
    if rng.random() < 0.25:
        ink = _pinholes(rng, ink)
    if rng.random() < 0.4:
        ink = _ragged_spots(rng, ink)
    if rng.random() < 0.22:
        ink = _bled(rng, ink)
    # Paler ink would leave too little contrast for any scratch to show.
    return np.clip(tone, 8, 165), ink, level
