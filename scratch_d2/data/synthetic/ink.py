"""The brightness of print: dark or pale, faded, mottled, streaked and grainy, all of it Good."""

import numpy as np

from scratch_d2.data.synthetic.layout import Layout
from scratch_d2.data.synthetic.textures import grain, smooth_noise, streak_noise


def _fade(rng: np.random.Generator, layout: Layout) -> np.ndarray:
    """Brightness that changes from character to character or from end to end, HxW, >= 0."""
    knots = np.zeros(6, dtype=np.float32)
    chance = rng.random()
    if chance < 0.14:
        ends = rng.uniform(25, 95) * np.linspace(0, 1, 6) ** rng.uniform(0.8, 2.5)
        knots = ends if rng.random() < 0.5 else ends[::-1]
    elif chance < 0.4:
        knots = rng.uniform(0, rng.uniform(10, 35), size=6)
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


def ink_tone(
    rng: np.random.Generator, layout: Layout, ink: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Draw the brightness of the print.

    Args:
        ink: coverage as drawn, float32 HxW, 0..1.

    Returns:
        The brightness of the ink, float32 HxW, grey levels; the coverage with uneven edges and
        pinholes; the typical brightness.
    """
    pale = bool(rng.random() < 0.16)
    level = float(rng.uniform(85, 135) if pale else rng.triangular(18, 36, 84))
    tone = level + _fade(rng, layout) + _random_texture(rng, layout, pale)
    if rng.random() < 0.5:
        ink = _uneven_edges(rng, ink)
    if rng.random() < 0.25:
        ink = _pinholes(rng, ink)
    # Paler ink would leave too little contrast for any scratch to show.
    return np.clip(tone, 8, 165), ink, level
