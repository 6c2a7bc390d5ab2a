"""What a label says and where: code, face, size, rotation and crop."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scratch_d2.synthetic.labels.faces import STRIP_CAP_HEIGHT, Face, draw_text, random_face
from scratch_d2.synthetic.labels.fonts import Font
from scratch_d2.synthetic.textures import rotated_axes
from scratch_d2.utils.opencv import cv2

REAL_CODES = ("72R0", "68P0", "69T0", "83P1", "79M1")
# Limits for the sides of the crop, px; the camera changes them by less than MARGIN.
MIN_SIDE, MAX_SIDE = 94, 326
# Scene beyond each side of the crop, px, so that the camera can move.
MARGIN = 12


@dataclass(frozen=True)
class Layout:
    """Where the text lies in a scene; lengths in px, angles in radians.

    Attributes:
        code: the printed characters.
        face: their face.
        size: height and width of the scene, MARGIN beyond each side of the crop.
        centre: middle of the text, (x, y).
        angle: reading direction, from +x towards +y.
        text_size: width and height of the text along its own axes.
    """

    code: str
    face: Face
    size: tuple[int, int]
    centre: tuple[float, float]
    angle: float
    text_size: tuple[float, float]

    def axes(self) -> tuple[np.ndarray, np.ndarray]:
        """Return, for every pixel, its px along and across the text, 0 at the text's middle."""
        return rotated_axes(self.size, self.angle, self.centre)

    def near_text(self, rim: float) -> np.ndarray:
        """Return the text's rotated box, widened by `rim` px, as HxW bool."""
        along, across = self.axes()
        width, height = self.text_size
        return (np.abs(along) < width / 2 + rim) & (np.abs(across) < height / 2 + rim)


def random_code(rng: np.random.Generator) -> str:
    """Draw a code: digit, digit, letter, digit; mostly one of those seen in the field."""
    if rng.random() < 0.6:
        return REAL_CODES[rng.choice(5, p=[0.36, 0.24, 0.23, 0.1, 0.07])]
    digits = rng.integers(0, 10, size=2)
    return f"{digits[0]}{digits[1]}{'MPRT'[rng.integers(4)]}{rng.integers(2)}"


def _random_angle(rng: np.random.Generator) -> float:
    pose = rng.choice(3, p=[0.58, 0.08, 0.34])
    if pose == 0:
        degrees = rng.normal(0, 2.0)
    elif pose == 1:
        degrees = rng.choice([-90, 90]) + rng.normal(0, 3.0)
    else:
        degrees = rng.choice([-1, 1]) * rng.uniform(12, 62)
    upside_down = 180 if rng.random() < 0.4 else 0
    return float(np.radians(degrees + upside_down))


def _random_cap_height(rng: np.random.Generator) -> float:
    return float(rng.uniform(56, 72) if rng.random() < 0.08 else rng.uniform(77, 92))


def lay_out(rng: np.random.Generator, fonts: Sequence[Font] = ()) -> tuple[Layout, np.ndarray]:
    """Draw a layout, and the coverage map of its text, upright and enlarged."""
    code, face = random_code(rng), random_face(rng, fonts)
    cap, angle = _random_cap_height(rng), _random_angle(rng)
    to_strip = STRIP_CAP_HEIGHT / cap
    gaps = rng.uniform(0, 12, size=3) * 0.4 + rng.uniform(0, 12) * 0.6
    strip = draw_text(code, face, [float(gap) * to_strip for gap in gaps])
    cos, sin = abs(np.cos(angle)), abs(np.sin(angle))
    aspect = strip.shape[1] / STRIP_CAP_HEIGHT
    reach = np.array([cos * aspect + sin, sin * aspect + cos])
    before, after = rng.uniform(-6, 24, size=2), rng.uniform(-6, 24, size=2)
    cap = min(cap, float(((MAX_SIDE - before - after) / reach).min()))
    sides = np.clip(np.rint(reach * cap + before + after), MIN_SIDE, MAX_SIDE)
    centre = MARGIN + before + (sides - before - after) / 2
    layout = Layout(
        code=code,
        face=face,
        size=(int(sides[1]) + 2 * MARGIN, int(sides[0]) + 2 * MARGIN),
        centre=(float(centre[0]), float(centre[1])),
        angle=angle,
        text_size=(aspect * cap, cap),
    )
    return layout, strip


def place_text(strip: np.ndarray, layout: Layout) -> np.ndarray:
    """Rotate and shrink an upright coverage map onto the scene, float32 HxW in 0..1."""
    scale = layout.text_size[1] / STRIP_CAP_HEIGHT
    cos, sin = scale * np.cos(layout.angle), scale * np.sin(layout.angle)
    middle = np.array([strip.shape[1], strip.shape[0]]) / 2
    turn = np.array([[cos, -sin], [sin, cos]])
    shift = np.array(layout.centre) - turn @ middle
    height, width = layout.size
    # Halving a picture by interpolation alone would alias; a light blur first prevents that.
    soft = cv2.GaussianBlur(strip, (0, 0), 0.4 / scale)
    placed = cv2.warpAffine(soft, np.column_stack([turn, shift]), (width, height))
    return placed.astype(np.float32) / 255
