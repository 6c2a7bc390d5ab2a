"""What the page shows of one photograph: its outlines, and its pixels in a form browsers know."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from scratch_d2.data.images import read_image
from scratch_d2.structures.masks import decode_rle, to_rle
from scratch_d2.structures.outlines import outline
from scratch_d2.structures.thresholds import Thresholds

FINEST = 2000  # longest side of the grid on which outlines are drawn
# Up to so many pixels a photograph is sent without loss; beyond that PNG takes too long.
LOSSLESS = 4_000_000


def describe(row: Mapping[str, Any], thresholds: Thresholds) -> dict[str, Any]:
    """Return what the page shows of a row: verdict, reason, and the outlines that count.

    Raises ValueError for a mask that does not fit the photograph.
    """
    width, height = row["width"], row["height"]
    scale = min(1.0, FINEST / max(width, height))
    grid = (max(1, round(width * scale)), max(1, round(height * scale)))
    outlines = []
    for index in counted(row, thresholds.score):
        instance = row["instances"][index]
        mask = decode_rle(to_rle(instance["segmentation"], height, width))
        shown = {"index": index, "score": instance["score"], "area": instance["area"]}
        outlines.append({**shown, "path": outline(mask, grid)})
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
        "grid": grid,
        "outlines": outlines,
    }


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
