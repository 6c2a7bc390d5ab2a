"""Find damage that decoders fill with grey or black, or smear, without a word."""

import logging
import re
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

try:
    import simplejpeg
except ImportError as error:  # it has no wheel for some machines
    simplejpeg = None
    logging.getLogger(__name__).warning(
        "JPEG files that were cut short are not noticed: run `pip install simplejpeg` (%s)", error
    )

SPARE = 64  # bytes before the end of a JPEG that belong to no pixel, as some cameras write them
FILLED = 16  # equal bytes at the end of a WebP, AVIF or strip of a TIFF make it suspicious
NEEDED = 8  # bytes at its end that no WebP decodes without
MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # but restarts, which stand among the pixels
START_OF_SCAN, PROGRESSIVE = 0xDA, 0xC2
FILL = "its end is filled with bytes that belong to no pixel"
# Tags of TIFF, and the compressions whose data never ends with many zeros.
COMPRESSION, OFFSETS, LENGTHS = 259, (273, 324), (279, 325)
LZW, DEFLATE, PACKED = 5, (8, 32946), 32773


def png_damage(content: bytes) -> str:
    """Return why a PNG is damaged, or ""; Pillow does not compare the checksums of its pixels."""
    place = 8
    while place + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, place)
        end = place + 8 + length
        kind = content[place + 4 : place + 8]
        if kind[:1].isupper() and end + 4 <= len(content):  # a chunk that no decoder may skip
            (checksum,) = struct.unpack_from(">I", content, end)
            if zlib.crc32(content[place + 4 : end]) != checksum:
                return f"wrong checksum of its {kind.decode('latin-1')}"
        if kind == b"IEND":
            break
        place = end + 4
    return ""


def tiff_damage(content: bytes, tags: Mapping[int, Any]) -> str:
    """Return why a TIFF of compressed strips or tiles is damaged, or ""."""
    compression = tags.get(COMPRESSION)
    if compression not in (LZW, PACKED, *DEFLATE):
        return ""
    offsets, lengths = (_numbers(tags, names) for names in (OFFSETS, LENGTHS))
    for offset, length in zip(offsets, lengths):
        data = content[offset : offset + length]
        if len(data) >= FILLED and not any(data[-FILLED:]):
            if compression not in DEFLATE or not _ends_as_zlib(data):
                return FILL
    return ""


def _numbers(tags: Mapping[int, Any], names: Sequence[int]) -> Sequence[int]:
    value = next((tags[name] for name in names if name in tags), ())
    return value if isinstance(value, tuple) else (value,)


def _ends_as_zlib(data: bytes) -> bool:
    stream = zlib.decompressobj()
    try:
        stream.decompress(data)
    except zlib.error:
        return False
    return stream.eof


def jpeg_damage(content: bytes) -> str:
    """Return why a JPEG is damaged, or "".

    libjpeg fills what is missing and only warns of it; decoded small and grey, to hear the
    warnings, a JPEG takes a quarter of the usual time.
    """
    try:
        if simplejpeg is not None:
            simplejpeg.decode_jpeg(content, "GRAY", True, True, 1, 1)
    except ValueError as error:
        reason = str(error)
        spare = re.search(r"(\d+) extraneous bytes", reason)
        if spare and int(spare[1]) > SPARE:
            return f"{spare[1]} bytes of its data belong to no pixel"
        if not spare and reason.startswith("Corrupt JPEG data"):
            return reason
    return _missing_scans(content)


def decode_jpeg(content: bytes, size: tuple[int, int]) -> np.ndarray | None:
    """Decode a JPEG to the pixels that Pillow gives, HxWx3 uint8 RGB; not turned upright.

    Returns None if it is damaged, not of this width and height, of colours other than grey and
    YCbCr, or simplejpeg is missing.
    """
    if simplejpeg is None:
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(content)
        if (width, height) != size or colours not in ("Gray", "YCbCr"):
            return None
        pixels = simplejpeg.decode_jpeg(content, "RGB")  # raises whatever libjpeg warns of
    except ValueError:
        return None
    return None if _missing_scans(content) else pixels


def _missing_scans(content: bytes) -> str:
    """Return what a progressive JPEG lacks: each component needs 64 coefficients to the last bit.

    Scans that are missing altogether leave a blurred image, and libjpeg does not warn of them.
    """
    bits: dict[int, list[int | None]] = {}
    place = 2
    while (found := MARKER.search(content, place)) and found.end() + 2 <= len(content):
        kind, place = content[found.end() - 1], found.end()
        (length,) = struct.unpack_from(">H", content, place)
        body = content[place + 2 : place + length]
        if kind == PROGRESSIVE:
            bits = {body[6 + 3 * i]: [None] * 64 for i in range(body[5])}
        elif 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            return ""  # not progressive
        elif kind == START_OF_SCAN:
            first, last, precision = body[-3:]
            for component in body[1 : 1 + 2 * body[0] : 2]:
                for k in range(first, min(last, 63) + 1):
                    bits[component][k] = precision & 15
        elif kind == 0xD9:
            break
        place += length
    whole = all(bit == 0 for component in bits.values() for bit in component)
    return "" if whole else "some scans of its progressive data are missing"


def is_filled(content: bytes) -> bool:
    """Whether a file ends with many equal bytes, as one whose end was never written does."""
    return len(content) > FILLED and content[-FILLED:] == content[-1:] * FILLED


def webp_damage(content: bytes, decodes: Callable[[bytes], bool]) -> str:
    """Return why a WebP that decodes is damaged, or "".

    Its arithmetic code continues through whatever follows a cut. But a whole one does not decode
    without its last bytes, even if they are all zero.

    Args:
        decodes: whether the bytes of a WebP can be decoded.
    """
    place = 12
    while place + 8 <= len(content):
        kind, (size,) = content[place : place + 4], struct.unpack_from("<I", content, place + 4)
        data = content[place + 8 : place + 8 + size]
        if kind in (b"VP8 ", b"VP8L") and is_filled(data):
            short = data[:-NEEDED]
            chunk = kind + struct.pack("<I", len(short)) + short + bytes(len(short) & 1)
            body = b"WEBP" + content[12:place] + chunk + content[place + 8 + size + (size & 1) :]
            if decodes(b"RIFF" + struct.pack("<I", len(body)) + body):
                return FILL
        place += 8 + size + (size & 1)
    return ""
