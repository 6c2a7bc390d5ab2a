"""What the page shows of one photograph: its outlines, and its pixels in a form browsers know."""

import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scratch_d2.data.images import read_image
from scratch_d2.structures.masks import decode_rle, mask_to_box, to_rle
from scratch_d2.structures.outlines import outline
from scratch_d2.structures.thresholds import Thresholds

FINEST = 1000  # longest side of the grid on which an outline is drawn
# Up to so many pixels a photograph is sent without loss; beyond that PNG takes too long.
LOSSLESS = 4_000_000


def describe(row: Mapping[str, Any], thresholds: Thresholds) -> dict[str, Any]:
    """Return what the page shows of a row: verdict, reason, and the outlines that count.

    Raises ValueError for a mask that does not fit the photograph.
    """
    width, height = row["width"], row["height"]
    outlines = []
    for index in counted(row, thresholds.score):
        instance = row["instances"][index]
        mask = decode_rle(to_rle(instance["segmentation"], height, width))
        shown = {"index": index, "score": instance["score"], "area": instance["area"]}
        outlines.append({**shown, **trace(mask)})
    return {
        "image_id": row["image_id"],
        "file": row["file"],
        "name": Path(row["file"]).name,
        "verdict": row["verdict"],
        "area": row["area"],
        "area_unit": thresholds.area_unit,
        "p_bad": row.get("p_bad"),
        "reason": row.get("reason", ""),
        "size": [width, height],
        "outlines": outlines,
    }


def trace(mask: np.ndarray) -> dict[str, Any]:
    """Return the outline of an HxW bool mask.

    Returns:
        `path`: an SVG path on a grid of its own, "" without a mask.
        `place`: x and y of the grid's origin in px of the photograph, where (0, 0) is the middle of
            the first pixel, and the px between grid lines in x and y.
    """
    if not mask.any():
        return {"path": "", "place": [0, 0, 1, 1]}
    left, top, right, bottom = mask_to_box(mask)
    region = np.ascontiguousarray(mask[top:bottom, left:right])
    height, width = region.shape
    scale = max(1.0, max(height, width) / FINEST)
    size = (math.ceil(width / scale), math.ceil(height / scale))
    step_x, step_y = width / size[0], height / size[1]
    place = [left + (step_x - 1) / 2, top + (step_y - 1) / 2, step_x, step_y]
    return {"path": outline(region, size), "place": place}


def counted(row: Mapping[str, Any], score: float) -> list[int]:
    """Return the indices of the instances of a row that reach a score, 0..1."""
    return [index for index, each in enumerate(row["instances"]) if each["score"] >= score]


def encode_picture(path: str | Path, white: float = 0.0) -> tuple[bytes, str]:
    """Return a photograph, upright, as PNG or JPEG with its media type.

    Args:
        white: as `read_image` takes it.

    Raises FileNotFoundError or ImageError, both naming the file.
    """
    picture = Image.fromarray(read_image(path, white))
    buffer = io.BytesIO()
    if picture.width * picture.height <= LOSSLESS:
        picture.save(buffer, "PNG", compress_level=1)
        return buffer.getvalue(), "image/png"
    picture.save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue(), "image/jpeg"
