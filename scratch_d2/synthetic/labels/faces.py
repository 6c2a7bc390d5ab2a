"""Faces: heavy grotesques drawn here or derived from Pillow's font, or fonts of the user's."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from scratch_d2.synthetic.labels.fonts import STRIP_CAP_HEIGHT, Font
from scratch_d2.synthetic.labels.glyphs import OVERSHOOT, rasterise
from scratch_d2.utils.opencv import cv2

# Stem of Pillow's built-in font (Aileron Regular) in capital heights, measured on "P".
_BUILT_IN_STEM = 0.125


@dataclass(frozen=True)
class Face:
    """How characters are drawn.

    Attributes:
        built_in: Pillow's font, emboldened, instead of the drawn glyphs.
        weight: stem width in capital heights.
        width: horizontal stretch; 1 leaves the character as drawn.
        slant: horizontal shift of the top against the baseline, in capital heights.
        rounding: radius of rounded corners in capital heights.
        font: a font of the user's, with a weight of its own, instead of the drawn glyphs.
    """

    built_in: bool = False
    weight: float = 0.23
    width: float = 1.0
    slant: float = 0.0
    rounding: float = 0.0
    font: Font | None = None


def random_face(rng: np.random.Generator, fonts: Sequence[Font] = ()) -> Face:
    """Draw a face: one of the fonts if there are any, or a heavy grotesque of normal width."""
    slanted = rng.random() < 0.08
    face = Face(
        built_in=bool(rng.random() < 0.45),
        # Coarse steps keep the number of cached glyphs small.
        weight=round(float(rng.uniform(0.195, 0.23)) / 0.005) * 0.005,
        width=float(rng.uniform(1.04, 1.24)),
        slant=float(rng.uniform(-0.1, 0.16)) if slanted else 0.0,
        rounding=float(rng.uniform(0.01, 0.05)) if rng.random() < 0.5 else 0.0,
    )
    if not fonts:
        return face
    font = fonts[int(rng.integers(len(fonts)))]
    # More rounding would wear off hairlines, which a heavy face does not have.
    rounding = min(face.rounding, 0.02)
    return replace(face, font=font, width=float(rng.uniform(0.95, 1.05)), rounding=rounding)


@lru_cache(maxsize=256)
def _built_in_glyph(character: str, weight: float) -> np.ndarray:
    font = ImageFont.load_default(size=STRIP_CAP_HEIGHT * 1.2)
    pen = max(1, round((weight - _BUILT_IN_STEM) / 2 * STRIP_CAP_HEIGHT))
    left, top, right, bottom = font.getbbox(character, stroke_width=pen)
    canvas = Image.new("L", (int(right - left) + 2, int(bottom - top) + 2))
    draw = ImageDraw.Draw(canvas)
    draw.text((1 - left, 1 - top), character, fill=255, font=font, stroke_width=pen)
    rim = int(np.ceil(OVERSHOOT * STRIP_CAP_HEIGHT))
    scale = STRIP_CAP_HEIGHT / canvas.height
    size = (round(canvas.width * scale), STRIP_CAP_HEIGHT)
    glyph = np.asarray(canvas.resize(size, Image.Resampling.BILINEAR))
    return np.pad(glyph, ((rim, rim), (4, 4)))


def _glyph(character: str, face: Face) -> np.ndarray:
    if face.font is not None:
        ink = face.font.glyphs[character]
    elif face.built_in:
        ink = _built_in_glyph(character, face.weight)
    else:
        ink = rasterise(character, face.weight, STRIP_CAP_HEIGHT)
    height, width = ink.shape
    lean = abs(face.slant) * STRIP_CAP_HEIGHT
    matrix = np.array(
        [[face.width, -face.slant, max(face.slant, 0.0) * height], [0, 1, 0]], dtype=np.float32
    )
    glyph = cv2.warpAffine(ink, matrix, (int(width * face.width + lean) + 1, height))
    inked = np.flatnonzero(glyph.any(axis=0))
    return glyph[:, inked[0] : inked[-1] + 1]


def _round_corners(ink: np.ndarray, radius: float) -> np.ndarray:
    """Round the corners of a uint8 coverage map; `radius` in px."""
    soft = cv2.GaussianBlur(ink, (0, 0), radius, borderType=cv2.BORDER_CONSTANT).astype(np.float32)
    return np.clip((soft - 127.5) * (1.2 * radius) + 127.5, 0, 255).astype(np.uint8)


def draw_text(text: str, face: Face, gaps: list[float]) -> np.ndarray:
    """Draw a line of text as a uint8 coverage map, 0 paper to 255 ink, without margin at its ends.

    A capital is STRIP_CAP_HEIGHT px high.

    Args:
        gaps: free px between neighbours, one fewer than there are characters.
    """
    glyphs = [_glyph(character, face) for character in text]
    steps = [g.shape[1] + round(gap) for g, gap in zip(glyphs[:-1], gaps, strict=True)]
    starts = np.cumsum([0, *steps])
    strip = np.zeros((glyphs[0].shape[0], int(starts[-1]) + glyphs[-1].shape[1]), dtype=np.uint8)
    for glyph, start in zip(glyphs, starts, strict=True):
        strip[:, start : start + glyph.shape[1]] = glyph
    if face.rounding > 0:
        strip = _round_corners(strip, face.rounding * STRIP_CAP_HEIGHT)
    return strip
