"""Marks that every picture of a label shares: colours, writing, masks."""

from functools import lru_cache
from math import ceil

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from scratch_d2.utils.opencv import cv2

COLOURS = {"good": (24, 128, 72), "bad": (196, 32, 44), "review": (190, 120, 0)}
SCRATCH = (235, 40, 150)
TINT = 0.2
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@lru_cache(maxsize=8)
def font(size: int) -> Font:
    """Return the font of all pictures, `size` px high."""
    return ImageFont.load_default(size)


def enlarge(array: np.ndarray, scale: int) -> np.ndarray:
    """Repeat each pixel of an HxW or HxWx3 uint8 array `scale` times in both directions."""
    return cv2.resize(array, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)


def fit(image: np.ndarray, mask: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Bring an HxWx3 uint8 image and its HxW bool mask to at most `size` px a side.

    Small ones are enlarged by a whole number, large ones shrunk; a line of one pixel in the mask
    stays, as what holds any of the mask belongs to it.
    """
    longest = max(mask.shape)
    if longest <= size:
        scale = size // longest
        return enlarge(image, scale), enlarge(mask.astype(np.uint8), scale).astype(bool)
    height, width = (max(1, side * size // longest) for side in mask.shape)
    image, share = (
        cv2.resize(array, (width, height), interpolation=cv2.INTER_AREA)
        for array in (image, mask.astype(np.float32))
    )
    return image, share > 0


def draw_mask(canvas: np.ndarray, mask: np.ndarray, scale: int = 1, left: int = 0) -> None:
    """Tint an HxW bool mask on a uint8 RGB canvas `scale` times its size, and outline it, in place.

    The line runs on the pixels around the mask, so that it hides no scratch, however thin.

    Args:
        left: the column of the canvas, before scaling, at which the mask begins.
    """
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return
    # All that changes, a line of one pixel included; most masks are far smaller than the canvas.
    mask = np.pad(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.uint8), 1)
    top, left = int(rows[0]) - 1, left + int(columns[0]) - 1
    mask = mask[max(0, -top) :, max(0, -left) :]
    top, left = max(0, top), max(0, left)
    part = canvas[top * scale :, left * scale :]
    part = part[: len(mask) * scale, : mask.shape[1] * scale]
    mask = enlarge(mask, scale)[: part.shape[0], : part.shape[1]]
    line = cv2.dilate(mask, np.ones((3, 3), np.uint8)) > mask
    cv2.copyTo(cv2.LUT(part, _tints()), mask, part)
    part[line] = SCRATCH


@lru_cache(maxsize=1)
def _tints() -> np.ndarray:
    """Return what each level of each channel becomes below a mask, [1, 256, 3] uint8."""
    levels = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(1, 256, 3)
    return cv2.addWeighted(levels, 1 - TINT, np.full_like(levels, SCRATCH), TINT, 0)


def wrap(text: str, font: Font, width: float) -> list[str]:
    """Break a text between words into lines at most `width` px long; a longer word stays whole."""
    lines, length = [""], 0.0
    for word in text.split():
        longer = length + text_length(f" {word}" if lines[-1] else word, font)
        if lines[-1] and longer > width:
            lines.append(word)
            length = text_length(word, font)
        else:
            lines[-1], length = f"{lines[-1]} {word}".strip(), longer
    return lines


def write(picture: Image.Image, place: tuple[int, int], text: str, font: Font) -> None:
    """Write a line in white, its top left corner at `place`, word by word."""
    x, y = float(place[0]), place[1]
    for word in text.split():
        picture.paste((255, 255, 255), (round(x), y), _stencil(word, font))
        x += text_length(f"{word} ", font)


# Reasons repeat their words, and to measure or draw a text takes longer than the rest of a picture.
@lru_cache(maxsize=4096)
def text_length(text: str, font: Font) -> float:
    """Return the length of a text in px."""
    return font.getlength(text)


@lru_cache(maxsize=1024)
def _stencil(word: str, font: Font) -> Image.Image:
    """Return a word as an image of grey levels, white where it has ink."""
    _, _, right, bottom = font.getbbox(word)
    stencil = Image.new("L", (max(1, ceil(right)), max(1, ceil(bottom))))
    ImageDraw.Draw(stencil).text((0, 0), word, 255, font)
    return stencil


def shorten(text: str, font: Font, width: float) -> str:
    """Cut as much out of the middle of a text as makes it at most `width` px long."""
    text = shown = "".join(char if char.isprintable() else "?" for char in text)
    kept = len(text)
    while kept > 0 and font.getlength(shown) > width:
        kept -= 1
        shown = f"{text[: (kept + 1) // 2]}...{text[len(text) - kept // 2 :]}"
    return shown
