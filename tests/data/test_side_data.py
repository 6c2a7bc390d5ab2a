"""What photographs carry beside their pixels: more pictures, large profiles and comments."""

import os

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from scratch_d2.data.images import read_image

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
PICTURE = Image.fromarray(PIXELS)
LARGE = 12_000_000  # bytes; Pillow refuses more than 1 MB of text, or of a packed profile
XMP = "XML:com.adobe.xmp"


def comment(name, text, method="add_text", **options):
    """A PNG's comment of one kind."""
    info = PngImagePlugin.PngInfo()
    getattr(info, method)(name, text, **options)
    return {"pnginfo": info}


BLANK = "x" * LARGE
CARRIED = {
    "packed profile": {"icc_profile": bytes(LARGE)},
    "random profile": {"icc_profile": os.urandom(LARGE)},
    "tEXt": comment("Comment", BLANK),
    "zTXt": comment("Comment", BLANK, zip=True),
    "iTXt": comment("Comment", BLANK, "add_itxt"),
    "packed iTXt": comment("Comment", BLANK, "add_itxt", zip=True),
    "XMP": comment(XMP, BLANK, "add_itxt"),
    "packed XMP": comment(XMP, BLANK, "add_itxt", zip=True),
    "raw profile": comment("Raw profile type exif", BLANK, zip=True),
}


@pytest.mark.parametrize("carried", CARRIED.values(), ids=CARRIED)
def test_a_png_is_whole_whatever_it_carries(tmp_path, carried):
    PICTURE.save(tmp_path / "x.png", **carried)
    np.testing.assert_array_equal(read_image(tmp_path / "x.png"), PIXELS)


def test_the_orientation_is_kept_beside_a_large_comment(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    PICTURE.save(tmp_path / "x.png", exif=exif, **CARRIED["zTXt"])
    np.testing.assert_array_equal(read_image(tmp_path / "x.png"), np.rot90(PIXELS, -1))


def test_a_damaged_png_is_still_refused_beside_a_large_comment(tmp_path):
    PICTURE.save(tmp_path / "x.png", **CARRIED["zTXt"])
    content = bytearray((tmp_path / "x.png").read_bytes())
    content[content.rindex(b"IDAT") + 20] ^= 0xFF
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(ValueError, match="x.png': damaged image"):
        read_image(tmp_path / "x.png")


@pytest.mark.parametrize("name", ["x.mpo", "x.jpg"])
@pytest.mark.parametrize("size", [(60, 40), (20, 10), (90, 70)])
@pytest.mark.parametrize("turned", [False, True])
def test_a_jpeg_of_several_pictures_is_its_first(tmp_path, name, size, turned):
    exif = Image.Exif()
    exif[0x0112] = 6 if turned else 1
    PICTURE.save(tmp_path / "alone.jpg", exif=exif)
    others = [Image.fromarray(255 - PIXELS).resize(size), Image.new("RGB", size)]
    PICTURE.save(tmp_path / "x", "MPO", save_all=True, append_images=others, exif=exif)
    (tmp_path / "x").rename(tmp_path / name)
    image = read_image(tmp_path / name)
    assert image.shape == ((60, 40, 3) if turned else (40, 60, 3))
    np.testing.assert_array_equal(image, read_image(tmp_path / "alone.jpg"))
