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
from scratch_d2.structures.masks import decode_rle
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
        draw_mask(canvas, decode_rle(prediction.masks[index]), scale)
    picture = Image.fromarray(canvas)
    draw = ImageDraw.Draw(picture)
    for index in counted:
        box = [float(value) * scale for value in prediction.boxes[index]]
        draw.rectangle(box, outline=SCRATCH, width=2)
        tag = _tag(f"{prediction.scores[index]:.2f}")
        picture.paste(tag, (round(box[0]), max(0, round(box[1]) - tag.height)))
    return np.asarray(_add_banner(picture, verdict))


@lru_cache(maxsize=101)
def _tag(score: str) -> Image.Image:
    """Draw a score in white; cached, because text takes longer than the rest of a picture."""
    left, top, right, bottom = font(14).getbbox(score)
    tag = Image.new("RGB", (round(right - left) + 7, round(bottom - top) + 5), SCRATCH)
    ImageDraw.Draw(tag).text((3, 2), score, "white", font(14), anchor="lt")
    return tag


def _add_banner(picture: Image.Image, verdict: Verdict) -> Image.Image:
    """Put the verdict and its reason above the picture, wrapped to its width."""
    title, small, margin = font(22), font(14), 8
    room = picture.width - 2 * margin
    reason = verdict.reason.removeprefix(f"{verdict.label.capitalize()}: ")  # it is in the title
    lines = wrap(reason, small, room)
    height = 2 * margin + 26 + 18 * len(lines)
    whole = Image.new("RGB", (picture.width, picture.height + height), COLOURS[verdict.label])
    whole.paste(picture, (0, height))
    write(whole, (margin, margin), verdict.label.upper(), title)
    if verdict.p_bad is not None:
        text = f"suspicion {format_shares([verdict.p_bad])[0]}"
        length = text_length(text, small)
        if 90 + length < room:
            write(whole, (round(picture.width - margin - length), margin + 5), text, small)
    for number, line in enumerate(lines):
        write(whole, (margin, margin + 28 + 18 * number), line, small)
    return whole
