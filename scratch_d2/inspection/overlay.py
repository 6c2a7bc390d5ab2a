"""Draw verdict, boxes and mask outlines over a photograph."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from scratch_d2.data.drawing import (
    COLOURS,
    SCRATCH,
    draw_mask,
    enlarge,
    font,
    text_length,
    wrap,
    write,
)
from scratch_d2.structures.areas import counts
from scratch_d2.structures.masks import decode_columns
from scratch_d2.structures.prediction import Prediction
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.structures.verdict import Verdict
from scratch_d2.structures.wording import format_shares

WIDTH = 640  # small photographs are enlarged to about this, so that the text is legible


def draw_overlay(
    image: np.ndarray, prediction: Prediction, verdict: Verdict, thresholds: Thresholds
) -> np.ndarray:
    """Draw the scratches that count into a photograph, below a banner with verdict and reason.

    Args:
        image: HxWx3 uint8 RGB.

    Returns an H'xW'x3 uint8 RGB array, enlarged by a whole number if the image is small.
    """
    scale = max(1, round(WIDTH / max(image.shape[:2])))
    canvas = enlarge(image, scale)
    counted = np.flatnonzero(counts(prediction, thresholds))
    for index in counted:
        mask, left = decode_columns(prediction.masks[index])
        draw_mask(canvas, mask, scale, left)
    for index in counted:
        box = [int(value * scale) for value in prediction.boxes[index]]
        _outline(canvas, *box)
        tag = _tag(f"{prediction.scores[index]:.2f}")
        left, top = (round(float(value) * scale) for value in prediction.boxes[index][:2])
        _paste(canvas, tag, left, max(0, top - len(tag)))
    return np.concatenate([_draw_banner(canvas.shape[1], verdict), canvas])


def _outline(canvas: np.ndarray, left: int, top: int, right: int, bottom: int) -> None:
    """Draw a rectangle of two pixels' width inside these corners, which belong to it, in place."""
    inside = canvas[top : bottom + 1, left : right + 1]
    for edge in (inside[:2], inside[max(0, bottom - top - 1) :]):
        edge[:] = SCRATCH
    for edge in (inside[:, :2], inside[:, max(0, right - left - 1) :]):
        edge[:] = SCRATCH


def _paste(canvas: np.ndarray, picture: np.ndarray, left: int, top: int) -> None:
    """Copy what fits of a picture to its place on a canvas."""
    place = canvas[top : top + picture.shape[0], left : left + picture.shape[1]]
    place[:] = picture[: place.shape[0], : place.shape[1]]


@lru_cache(maxsize=101)
def _tag(score: str) -> np.ndarray:
    """Draw a score in white; cached, because text takes longer than the rest of a picture."""
    left, top, right, bottom = font(14).getbbox(score)
    tag = Image.new("RGB", (round(right - left) + 7, round(bottom - top) + 5), SCRATCH)
    ImageDraw.Draw(tag).text((3, 2), score, "white", font(14), anchor="lt")
    return np.asarray(tag)


def _draw_banner(width: int, verdict: Verdict) -> np.ndarray:
    """Write the verdict and its reason on a banner, wrapped to its width."""
    title, small, margin = font(22), font(14), 8
    room = width - 2 * margin
    reason = verdict.reason.removeprefix(f"{verdict.label.capitalize()}: ")  # it is in the title
    lines = wrap(reason, small, room)
    height = 2 * margin + 26 + 18 * len(lines)
    banner = Image.new("RGB", (width, height), COLOURS[verdict.label])
    write(banner, (margin, margin), verdict.label.upper(), title)
    if verdict.p_bad is not None:
        text = f"suspicion {format_shares([verdict.p_bad])[0]}"
        length = text_length(text, small)
        if 90 + length < room:
            write(banner, (round(width - margin - length), margin + 5), text, small)
    for number, line in enumerate(lines):
        write(banner, (margin, margin + 28 + 18 * number), line, small)
    return np.asarray(banner)
