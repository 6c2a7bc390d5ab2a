"""PNG is decoded without Pillow where that gives the same pixels."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from scratch_d2.data.decoding import decode
from scratch_d2.data.images import read_image
from scratch_d2.data.plain_png import _grey_rows, decode_png
from tests.data.files import encode

PIXELS = np.random.default_rng(0).integers(0, 256, (37, 53, 3)).astype(np.uint8)
HEADER = struct.pack(">IIBBBBB", 53, 37, 8, 2, 0, 0, 0)
ROWS = b"".join(b"\0" + row.tobytes() for row in PIXELS)


def chunk(kind: bytes, body: bytes) -> bytes:
    crc = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + crc


def png(data: bytes, *more: bytes, header: bytes = HEADER) -> bytes:
    parts = [chunk(b"IHDR", header), *more, chunk(b"IDAT", data), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("level", [0, 6])
def test_pixels_are_those_of_pillow(mode, level):
    texts = PngInfo()
    texts.add_text("scratch_d2", "{}")
    image = Image.fromarray(PIXELS).convert(mode)
    content = encode(image, "PNG", compress_level=level, pnginfo=texts, dpi=(300, 300))
    found = decode(content, pixels=True).pixels
    assert found is not None and found.flags.c_contiguous and found.flags.writeable
    np.testing.assert_array_equal(found, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("mode", ["P", "1", "LA", "RGBA", "I;16"])
def test_other_kinds_are_left_to_pillow(mode):
    image = Image.fromarray(PIXELS)
    image = Image.new(mode, image.size) if mode == "I;16" else image.convert(mode)
    content = encode(image, "PNG")
    assert decode_png(content, image.size) is None
    assert decode(content, pixels=True).pixels is None


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"tRNS", bytes(6)),
        chunk(b"gAMA", struct.pack(">I", 45455)),
        chunk(b"eXIf", b"MM\0*"),
        chunk(b"tEXt", b"Raw profile type exif\0"),
        chunk(b"acTL", struct.pack(">II", 1, 0)),
    ],
)
def test_what_may_change_pixels_or_orientation_is_left_to_pillow(extra):
    data = zlib.compress(ROWS)
    assert decode_png(png(data), (53, 37)) is not None
    assert decode_png(png(data, extra), (53, 37)) is None
    assert decode_png(png(data, header=HEADER[:-1] + b"\1"), (53, 37)) is None  # interlaced


@pytest.mark.parametrize(
    "content",
    [
        png(zlib.compress(ROWS[:-1])),
        png(zlib.compress(ROWS)[:-4] + b"oops"),
        png(zlib.compress(b"\x09" + ROWS[1:])),
        png(zlib.compress(ROWS))[:-12],
        png(zlib.compress(ROWS))[:-30] + b"x" + png(zlib.compress(ROWS))[-29:],
    ],
)
def test_damage_is_left_to_pillow(content):
    assert decode_png(content, (53, 37)) is None


@pytest.mark.parametrize("filter_type", range(5))
def test_grey_stored_as_colours_is_decoded_as_grey(filter_type):
    rows = np.repeat(PIXELS[:, :, :1], 3, axis=2).reshape(37, -1)
    data = zlib.compress(b"".join(bytes([filter_type]) + row.tobytes() for row in rows))
    content = png(data)
    assert _grey_rows(data, 53, 37).shape == (37, 54)
    np.testing.assert_array_equal(
        decode_png(content, (53, 37)), np.asarray(Image.open(io.BytesIO(content)))
    )


@pytest.mark.parametrize("place", [(0, 0, 0), (600, 500, 2)])
def test_one_pixel_of_colour_is_kept(place):
    pixels = np.repeat(np.arange(700, dtype=np.uint8)[None, :, None], 3, axis=2)
    pixels = np.repeat(pixels, 601, axis=0)
    pixels[place] ^= 1
    content = encode(Image.fromarray(pixels), "PNG")
    np.testing.assert_array_equal(decode_png(content, (700, 601)), pixels)


def test_grey_of_another_length_is_left_to_others():
    rows = b"".join(b"\0" + bytes(3 * 53) for _ in range(37))
    assert _grey_rows(zlib.compress(rows), 53, 37) is not None
    for data in (
        zlib.compress(rows + b"\0"),
        zlib.compress(rows[:-1]),
        zlib.compress(rows)[:-1],
        zlib.compress(b"\5" + rows[1:]),
        b"",
        b"nonsense",
    ):
        assert _grey_rows(data, 53, 37) is None


def test_a_photograph_is_read_as_it_was_written(tmp_path):
    (tmp_path / "a.png").write_bytes(encode(Image.fromarray(PIXELS), "PNG"))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), PIXELS)
    content = (tmp_path / "a.png").read_bytes()
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(content))), PIXELS)
