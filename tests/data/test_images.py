import os
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scratch_d2.data.images import (
    MAX_BYTES,
    ImageError,
    read_batches,
    read_image,
    read_photograph,
    try_read,
)
from scratch_d2.data.mask_files import read_mask
from scratch_d2.utils.opencv import cv2
from tests.builders import save
from tests.data.files import (
    GREY,
    LONG,
    SHORT,
    bad_files,
    encode,
    tiff,
    turned_jpeg,
    valid_files,
    with_chunk,
)

RAMP = np.linspace(0, 255, 30 * 20).reshape(20, 30).astype(np.uint8)
LARGE = RAMP.repeat(4, axis=0).repeat(4, axis=1)  # JPEG 2000 needs some pixels


def as_rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[:, :, None], 3, axis=2)


@pytest.mark.parametrize(
    "name", ["a.png", "b.BMP", "c.tiff", "d e\nf ü.png", "g.webp", "h.jp2", "i.ppm", "j.avif"]
)
def test_kinds_of_files_and_names(tmp_path, name):
    lossless = {".webp": {"lossless": True}, ".avif": {"quality": 100, "subsampling": "4:4:4"}}
    options = lossless.get(Path(name).suffix, {})
    path = save(as_rgb(RAMP), tmp_path / name, **options)
    if name == "j.avif":  # lossless but for the conversion of its colours
        np.testing.assert_allclose(read_image(path), as_rgb(RAMP), atol=2)
        return
    np.testing.assert_array_equal(read_image(path), as_rgb(RAMP))


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


def test_of_a_jpeg_of_several_pictures_the_first_is_read(tmp_path):
    first, second = Image.fromarray(RAMP), Image.fromarray(255 - RAMP)
    first.save(tmp_path / "a.mpo", save_all=True, append_images=[second], quality=100)
    np.testing.assert_allclose(read_image(tmp_path / "a.mpo"), as_rgb(RAMP), atol=3)


@pytest.mark.parametrize("kind", [b"iCCP", b"zTXt", b"tEXt"])
def test_a_png_with_a_large_profile_or_comment_is_read_whole(tmp_path, kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    plain = with_chunk(encode(Image.fromarray(RAMP), "PNG"), b"eXIf", exif.tobytes()[6:])
    body = b"k\0" + bytes(70 << 20) if kind == b"tEXt" else b"k\0\0" + zlib.compress(bytes(9 << 20))
    (tmp_path / "a.png").write_bytes(with_chunk(plain, kind, body))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), as_rgb(np.rot90(RAMP, -1)))


def test_palette_grey_alpha_and_cmyk_become_rgb(tmp_path):
    red = Image.new("RGB", (8, 6), (255, 0, 0))
    red.quantize(4).save(tmp_path / "palette.png")
    red.convert("RGBA").save(tmp_path / "alpha.png")
    red.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=100)
    Image.fromarray(RAMP).save(tmp_path / "grey.png")
    for name in ("palette.png", "alpha.png", "cmyk.jpg"):
        image = read_image(tmp_path / name)
        assert image.shape == (6, 8, 3) and image.dtype == np.uint8
        assert np.abs(image.astype(int) - (255, 0, 0)).max() <= 2
    np.testing.assert_array_equal(read_image(tmp_path / "grey.png"), as_rgb(RAMP))


@pytest.mark.filterwarnings("error")
def test_transparent_colours_of_a_palette_are_dropped_without_a_warning(tmp_path):
    colours = Image.fromarray(RAMP).quantize(8)
    colours.save(tmp_path / "clear.png", transparency=bytes(8))
    np.testing.assert_array_equal(read_image(tmp_path / "clear.png"), colours.convert("RGB"))
    assert read_mask(tmp_path / "clear.png").shape == RAMP.shape


def test_exif_rotation_turns_the_image(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    Image.fromarray(RAMP).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "turned.png"), as_rgb(np.rot90(RAMP, -1)))


def test_exif_that_cannot_be_written_again_still_turns_the_image(tmp_path):
    path = tmp_path / "odd.jpg"
    path.write_bytes(turned_jpeg((0x011A, 2, 4, b"abc")))  # a resolution in letters
    plain = encode(Image.fromarray(GREY), "JPEG")
    (tmp_path / "plain.jpg").write_bytes(plain)
    upright = read_image(tmp_path / "plain.jpg")
    np.testing.assert_array_equal(read_image(path), np.rot90(upright, -1))


BAD_FILES = bad_files()


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("read", [read_image, read_mask])
@pytest.mark.parametrize(("content", "reason"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_files_are_named_with_their_fault(tmp_path, content, reason, read):
    path = tmp_path / "bad\n.png"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=rf"bad\\n\.png': .*{reason}"):
        read(path)


def make_pipe(path):
    os.mkfifo(path)


def make_loop(path):
    path.symlink_to(path)


def make_long(path):
    path.touch()
    os.truncate(path, MAX_BYTES + 1)  # takes no space


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (make_pipe, "not a file but a folder, a pipe or a device"),
        (os.mkdir, "not a file but a folder, a pipe or a device"),
        (make_loop, r"cannot be read \(Too many levels of symbolic links\)"),
        (make_long, f"{MAX_BYTES + 1} bytes; accepted are {MAX_BYTES}"),
    ],
)
def test_what_is_no_file_is_named_and_never_waited_for(tmp_path, make, reason):
    make(tmp_path / "x.png")
    with pytest.raises(ImageError, match=f"x.png': {reason}"):
        read_image(tmp_path / "x.png")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="this user may read all files")
def test_a_file_without_permission_is_named(tmp_path):
    save(RAMP, tmp_path / "secret.png").chmod(0)
    with pytest.raises(ImageError, match=r"secret.png': cannot be read \(Permission denied\)"):
        read_image(tmp_path / "secret.png")


def test_a_link_to_a_file_is_read(tmp_path):
    save(RAMP, tmp_path / "fine.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "fine.png")
    np.testing.assert_array_equal(read_image(tmp_path / "link.png"), as_rgb(RAMP))


@pytest.mark.parametrize(
    "change",
    [
        lambda path: [os.truncate(path, 40), os.utime(path, ns=(0, 0))],
        lambda path: path.write_bytes(path.read_bytes() + b"more"),
        lambda path: path.write_bytes(path.read_bytes()),
    ],
    ids=["cut short", "longer", "written again"],
)
def test_a_file_that_changes_while_it_is_read_is_named(tmp_path, monkeypatch, change):
    path, stat = save(RAMP, tmp_path / "busy.bmp"), os.fstat
    os.utime(path, ns=(0, 0))

    def stat_and_change(number):
        state = stat(number)
        change(path)
        return state

    with monkeypatch.context() as patch:
        patch.setattr("os.fstat", stat_and_change)
        with pytest.raises(ImageError, match="busy.bmp': changed while it was read"):
            read_image(path)
    assert (try_read(path)[1] == "") == (os.path.getsize(path) > 40)


def test_a_file_that_is_written_all_the_time_is_read_whole_or_not_at_all(tmp_path):
    path, done = tmp_path / "busy.bmp", threading.Event()
    contents = [encode(Image.new("RGB", (300, 200), grey), "BMP") for grey in ("white", "black")]

    def write():
        for turn in range(400):
            path.write_bytes(contents[turn % 2])
            os.truncate(path, 99) if turn % 3 else path.unlink()
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        image, reason, _ = try_read(path)
        assert reason if image is None else image.shape == (200, 300, 3)
    writer.join()


def test_nothing_is_written_to_the_terminal(tmp_path):
    for number, content in enumerate(
        [*valid_files().values(), *(c for c, _ in BAD_FILES.values())]
    ):
        (tmp_path / f"{number}.png").write_bytes(content)
    program = (
        "import sys, pathlib; from scratch_d2.data.images import try_read\n"
        "print(sum(not try_read(path)[1] for path in pathlib.Path(sys.argv[1]).iterdir()))"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (f"{len(valid_files())}\n", "")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="gone.png"):
        read_image(tmp_path / "gone.png")


def test_batches_keep_the_order_and_every_file(tmp_path):
    for name in ("cut jpeg", "empty"):
        (tmp_path / name).write_bytes(BAD_FILES[name][0])
    save(as_rgb(RAMP), tmp_path / "fine.png")
    paths = [tmp_path / name for name in ("cut jpeg", "fine.png", "empty", "fine.png")]
    batches = list(read_batches(paths, 3))
    assert [len(batch) for batch in batches] == [3, 1]
    read = [item for batch in batches for item in batch]
    assert [path for path, _, _ in read] == paths
    assert [image is None for _, image, _ in read] == [True, False, True, False]
    assert "damaged" in read[0][2] and read[1][2] == ""
