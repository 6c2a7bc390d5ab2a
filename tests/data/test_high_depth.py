"""Photographs of more than 8 bits: their range, their sign, their colours."""

import numpy as np
import pytest
from PIL import Image

from scratch_d2.data.images import (
    ImageError,
    read_batches,
    read_image,
    read_photograph,
    try_read,
)
from scratch_d2.utils.opencv import cv2
from tests.data.files import (
    LARGE,
    LONG,
    RAMP,
    SHORT,
    as_rgb,
    tiff,
    with_chunk,
)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_levels_of_cameras_are_scaled_from_their_own_depth(tmp_path, bits, suffix):
    white = 2**bits - 1
    deep = np.rint(RAMP * (white / 255)).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / f"deep.{suffix}")
    pixels, note = read_photograph(tmp_path / f"deep.{suffix}")
    np.testing.assert_array_equal(pixels, as_rgb(RAMP))
    assert note == f"levels 0 to {white} of uint16 pixels are read as black to white"


def deep_kinds() -> dict[str, bytes]:
    """The ramp in 12 bits of 16, in grey and colours of every kind that holds them."""
    deep = LARGE.astype(np.uint16) * 16
    colours = np.repeat(deep[:, :, None], 3, axis=2)
    size = b"%d %d\n65535\n" % (120, 80)
    kinds = {name: cv2.imencode(name, colours)[1].tobytes() for name in (".png", ".tif", ".jp2")}
    return {
        **kinds,
        "pgm": b"P5\n" + size + deep.astype(">u2").tobytes(),
        "ppm": b"P6\n" + size + colours.astype(">u2").tobytes(),
        "transparent": cv2.imencode(".png", np.dstack([colours, deep]))[1].tobytes(),
    }


DEEP_KINDS = deep_kinds()


@pytest.mark.parametrize("kind", DEEP_KINDS)
def test_no_kind_of_file_loses_the_low_bits(tmp_path, kind):
    (tmp_path / "a").write_bytes(DEEP_KINDS[kind])
    pixels, note = read_photograph(tmp_path / "a")
    np.testing.assert_allclose(pixels, as_rgb(LARGE), atol=1)
    assert note.startswith("levels 0 to 4095 of ")


@pytest.mark.parametrize(
    ("bits", "kind", "scale", "white"),
    [(32, 1, 257, 65535), (32, 1, 0x1010101, 2**32 - 1), (16, 2, 128, 32767), (32, 2, 16, 4095)],
)
def test_integers_of_tiffs_are_read_with_their_sign(tmp_path, bits, kind, scale, white):
    dtype = np.dtype(f"<{'u' if kind == 1 else 'i'}{bits // 8}")
    size = {
        256: (LONG, 30),
        257: (LONG, 20),
        278: (LONG, 20),
        258: (SHORT, bits),
        339: (SHORT, kind),
    }
    pixels = (RAMP.astype(np.int64) * scale).astype(dtype).tobytes()
    (tmp_path / "a.tif").write_bytes(tiff(size, pixels))
    pixels, note = read_photograph(tmp_path / "a.tif")
    np.testing.assert_allclose(pixels, as_rgb(RAMP), atol=1)
    assert note == f"levels 0 to {white:g} of {dtype.name} pixels are read as black to white"


def test_deep_colours_in_planes_are_refused(tmp_path):
    three = {258: (SHORT, 16, 16, 16), 277: (SHORT, 3), 262: (SHORT, 2), 284: (SHORT, 2)}
    size = {256: (LONG, 30), 257: (LONG, 20), 278: (LONG, 20)}
    plane = 30 * 20 * 2
    strips = {273: (LONG, *range(300, 300 + 3 * plane, plane)), 279: (LONG, *[plane] * 3)}
    (tmp_path / "a.tif").write_bytes(tiff({**three, **size, **strips}, bytes(4 * plane)))
    with pytest.raises(ImageError, match="16-bit colours in separate planes"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("bits", [12, 16])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_colours_keep_their_depth_and_turn(tmp_path, bits, orientation):
    colours = np.dstack([RAMP, RAMP[::-1], RAMP[:, ::-1]])
    deep = np.rint(colours * ((2**bits - 1) / 255)).astype(np.uint16)
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name, array, kinds in (("deep", deep, {}), ("plain", colours, {})):
        content = cv2.imencode(".png", array[:, :, ::-1], **kinds)[1].tobytes()
        (tmp_path / f"{name}.png").write_bytes(with_chunk(content, b"eXIf", exif.tobytes()[6:]))
    pixels = read_image(tmp_path / "deep.png")
    np.testing.assert_array_equal(pixels, read_image(tmp_path / "plain.png"))


def test_a_white_that_is_given_is_used(tmp_path):
    Image.fromarray(RAMP.astype(np.uint16) * 4).save(tmp_path / "dark.png")
    dark, note = read_photograph(tmp_path / "dark.png", white=4095)
    np.testing.assert_array_equal(dark, as_rgb(np.rint(RAMP * (4 * 255 / 4095))))
    assert "0 to 4095" in note
    assert try_read(tmp_path / "dark.png", 4095).note == note
    (batch,) = read_batches([tmp_path / "dark.png"], 1, white=4095)
    np.testing.assert_array_equal(batch[0][1], dark)


@pytest.mark.parametrize(("scale", "white"), [(1 / 255, 1), (1.0, 255), (257.0, 65535)])
def test_floats_are_read_in_their_usual_range_whatever_one_hot_pixel_holds(tmp_path, scale, white):
    real = RAMP.astype(np.float32) * np.float32(scale)
    real[3, 4] = 1e6
    Image.fromarray(real).save(tmp_path / "hot.tif")
    pixels, note = read_photograph(tmp_path / "hot.tif")
    expected = RAMP.copy()
    expected[3, 4] = 255
    np.testing.assert_array_equal(pixels, as_rgb(expected))
    assert note.startswith(f"levels 0 to {white} of float32")


def test_levels_without_a_usual_range_are_stretched(tmp_path):
    for name, shift, scale in (("signed", -900, 7), ("wide", 0, 70_000), ("dim", 0, 0.01)):
        real = RAMP.astype(np.float32) * np.float32(scale) + shift
        Image.fromarray(real).save(tmp_path / f"{name}.tif")
        np.testing.assert_allclose(read_image(tmp_path / f"{name}.tif")[..., 0], RAMP, atol=2)


def test_tiffs_in_which_zero_is_white_are_turned(tmp_path):
    pixels = (RAMP.astype("<u2") * 257).tobytes()
    size = {256: (LONG, 30), 257: (LONG, 20), 278: (LONG, 20), 258: (SHORT, 16)}
    (tmp_path / "a.tif").write_bytes(tiff({**size, 262: (SHORT, 0)}, pixels))
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), as_rgb(255 - RAMP))
