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
    read_size,
    try_read,
)
from scratch_d2.data.mask_files import read_mask
from tests.builders import save
from tests.data.files import (
    GREY,
    RAMP,
    as_rgb,
    bad_files,
    encode,
    turned_jpeg,
    valid_files,
    with_chunk,
)


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


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_the_size_is_known_without_the_pixels(tmp_path, suffix, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(np.zeros((30, 50, 3), np.uint8), tmp_path / f"a{suffix}", exif=exif)
    assert read_size(path) == read_image(path).shape[1::-1]
    assert read_size(path) == ((30, 50) if orientation >= 5 else (50, 30))


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n"])
def test_what_has_no_size_is_named(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(ImageError, match="a.png"):
        read_size(tmp_path / "a.png")
    with pytest.raises(FileNotFoundError, match="none.png"):
        read_size(tmp_path / "none.png")
