"""Draw verdict, boxes and mask outlines over a photograph."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from scratch_d2.data.masks import decode_rle
from scratch_d2.engines.base import Prediction
from scratch_d2.inspection.verdict import Thresholds, Verdict, counts
from scratch_d2.opencv import cv2

WIDTH = 640  # small photographs are enlarged to about this, so that the writing can be read
COLOURS = {"good": (24, 128, 72), "bad": (196, 32, 44), "review": (190, 120, 0)}
SCRATCH = (235, 40, 150)
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def draw_overlay(
    image: np.ndarray, prediction: Prediction, verdict: Verdict, thresholds: Thresholds
) -> np.ndarray:
    """Return the photograph with a banner of verdict and reason and the scratches that count.

    Args:
        image: HxWx3 uint8 RGB.

    Returns an H'xW'x3 uint8 RGB array, enlarged by a whole number where the image is small.
    """
    scale = max(1, round(WIDTH / max(image.shape[:2])))
    canvas = np.repeat(np.repeat(image, scale, axis=0), scale, axis=1)
    counted = np.flatnonzero(counts(prediction, thresholds))
    for index in counted:
        _draw_mask(canvas, decode_rle(prediction.masks[index]), scale)
    picture = Image.fromarray(canvas)
    draw = ImageDraw.Draw(picture)
    for index in counted:
        box = [float(value) * scale for value in prediction.boxes[index]]
        _draw_box(draw, box, f"{prediction.scores[index]:.2f}")
    return np.asarray(_add_banner(picture, verdict))


def _draw_mask(canvas: np.ndarray, mask: np.ndarray, scale: int) -> None:
    """Tint a mask and outline it, in place."""
    large = np.repeat(np.repeat(mask.astype(np.uint8), scale, axis=0), scale, axis=1)
    inside = large.astype(bool)
    canvas[inside] = (0.7 * canvas[inside] + 0.3 * np.array(SCRATCH)).astype(np.uint8)
    contours, _ = cv2.findContours(large, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(canvas, contours, -1, SCRATCH, thickness=1, lineType=cv2.LINE_AA)


def _draw_box(draw: ImageDraw.ImageDraw, box: list[float], label: str) -> None:
    draw.rectangle(box, outline=SCRATCH, width=2)
    left, top, right, bottom = draw.textbbox((box[0] + 3, max(0.0, box[1] - 17)), label, _font(14))
    draw.rectangle([left - 3, top - 2, right + 3, bottom + 2], fill=SCRATCH)
    draw.text((left, top), label, font=_font(14), fill="white", anchor="lt")


def _add_banner(picture: Image.Image, verdict: Verdict) -> Image.Image:
    """Put the verdict and its reason above the picture, wrapped to its width."""
    title, small, margin = _font(22), _font(14), 8
    lines, room = [""], picture.width - 2 * margin
    for word in verdict.reason.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and small.getlength(longer) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    height = 2 * margin + 26 + 18 * len(lines)
    whole = Image.new("RGB", (picture.width, picture.height + height), COLOURS[verdict.label])
    whole.paste(picture, (0, height))
    draw = ImageDraw.Draw(whole)
    draw.text((margin, margin), verdict.label.upper(), font=title, fill="white")
    if verdict.p_bad is not None:
        text = f"gate p(Bad) {verdict.p_bad:.3f}"
        if 90 + small.getlength(text) < room:
            draw.text((picture.width - margin, margin + 5), text, "white", small, anchor="ra")
    for number, line in enumerate(lines):
        draw.text((margin, margin + 28 + 18 * number), line, font=small, fill="white")
    return whole


@lru_cache(maxsize=4)
def _font(size: int) -> Font:
    return ImageFont.load_default(size)
