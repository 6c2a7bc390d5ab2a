"""The files of a dataset: photographs that carry how they were made, and masks."""

import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from scratch_d2.utils.files import write_atomically
from scratch_d2.utils.opencv import cv2

META_KEY = "scratch_d2"
_AFTER_HEADER = 33  # a PNG's signature and its first chunk, IHDR


def encode_image(image: np.ndarray, meta: dict | None = None) -> bytes:
    """Encode HxWx3 uint8 RGB as PNG; `meta` goes along as JSON in a text chunk."""
    ok, packed = cv2.imencode(".png", image[:, :, ::-1])
    if not ok:
        raise RuntimeError("OpenCV could not encode a PNG file")
    png = packed.tobytes()
    if not meta:
        return png
    text = f"{META_KEY}\0{json.dumps(meta)}".encode("ascii")
    body = b"tEXt" + text
    chunk = struct.pack(">I", len(text)) + body + struct.pack(">I", zlib.crc32(body))
    return png[:_AFTER_HEADER] + chunk + png[_AFTER_HEADER:]


def read_meta(path: Path) -> dict:
    """Return how a photograph was made, as `encode_image` was told; {} for any other image."""
    with Image.open(path) as image:
        return json.loads(image.info.get(META_KEY, "{}"))


def encode_mask(mask: np.ndarray, palette: bool) -> bytes:
    """Encode an HxW bool mask as annotation tools do: palette of 0 and 1, or grey 0 and 255."""
    image = Image.fromarray(mask.astype(np.uint8) * (1 if palette else 255))
    if palette:
        image.putpalette([0, 0, 0, 128, 0, 0])
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def write_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, even if killed. Raises OSError naming it."""
    try:
        write_atomically(content, path)
    except OSError as error:
        raise OSError(
            f"{str(path)!r} cannot be written ({error.strerror}); once that is put right, the "
            "same call resumes where this one stopped"
        ) from None
