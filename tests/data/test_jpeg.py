"""JPEG is decoded without Pillow where that gives the same pixels."""

import io
from itertools import product

import numpy as np
import pytest
from PIL import Image, ImageOps

from scratch_d2.data import damage
from scratch_d2.data.decoding import decode
from scratch_d2.data.images import read_image, read_size
from tests.data.files import encode

RANDOM = np.random.default_rng(0)
PIXELS = (RANDOM.integers(0, 80, (37, 53, 3)) + np.arange(53)[:, None] * 3).astype(np.uint8)


def by_pillow(content: bytes) -> np.ndarray:
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB"))


@pytest.mark.parametrize(
    ("mode", "subsampling", "progressive"), product(["RGB", "L"], [0, 1, 2], [False, True])
)
def test_pixels_are_those_of_pillow(mode, subsampling, progressive):
    image = Image.fromarray(PIXELS).convert(mode)
    content = encode(image, "JPEG", subsampling=subsampling, progressive=progressive)
    found = decode(content, pixels=True).pixels
    assert found is not None and found.flags.c_contiguous
    np.testing.assert_array_equal(found, by_pillow(content))


@pytest.mark.parametrize("orientation", range(10))  # 0 and 9 mean nothing
def test_pixels_are_upright(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encode(Image.fromarray(PIXELS), "JPEG", exif=exif)
    (tmp_path / "a.jpg").write_bytes(content)
    expected = by_pillow(content)
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg"), expected)
    assert read_size(tmp_path / "a.jpg") == expected.shape[:2][::-1]


@pytest.mark.parametrize("mode", ["CMYK", "RGB"])
def test_other_colours_are_left_to_pillow(tmp_path, mode):
    options = {"keep_rgb": True} if mode == "RGB" else {}
    content = encode(Image.fromarray(PIXELS).convert(mode), "JPEG", **options)
    assert decode(content, pixels=True).pixels is None
    (tmp_path / "a.jpg").write_bytes(content)
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg"), by_pillow(content))


def test_without_simplejpeg_pillow_decodes(tmp_path, monkeypatch):
    content = encode(Image.fromarray(PIXELS), "JPEG")
    (tmp_path / "a.jpg").write_bytes(content)
    with_it = read_image(tmp_path / "a.jpg")
    monkeypatch.setattr(damage, "simplejpeg", None)
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg"), with_it)
