import numpy as np
import pytest
from PIL import Image

from scratch_d2.data.images import ImageError, read_batches, read_image
from tests.builders import save

RAMP = np.linspace(0, 255, 30 * 20).reshape(20, 30).astype(np.uint8)


def as_rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[:, :, None], 3, axis=2)


@pytest.mark.parametrize("name", ["a.png", "b.BMP", "c.tiff", "d e\nf ü.png", "g.webp"])
def test_kinds_of_files_and_names(tmp_path, name):
    path = save(as_rgb(RAMP), tmp_path / name, **({"lossless": True} if "webp" in name else {}))
    np.testing.assert_array_equal(read_image(path), as_rgb(RAMP))


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    path = tmp_path / "deep.png"
    Image.fromarray(RAMP.astype(np.uint16) * 257).save(path)
    np.testing.assert_array_equal(read_image(path), as_rgb(RAMP))


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


def test_exif_rotation_turns_the_image(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    Image.fromarray(RAMP).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "turned.png"), as_rgb(np.rot90(RAMP, -1)))


def make_bad_files(folder):
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("not a picture")
    save(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8), folder / "cut.jpg")
    content = (folder / "cut.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(content[: len(content) // 2])
    frames = [Image.fromarray(np.full((8, 8), grey, np.uint8)) for grey in (0, 255)]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    (folder / "moving.gif").rename(folder / "moving.png")


BAD_FILES = {
    "empty.png": r"empty\.png': the file is empty",
    "text.png": r"text\.png': not an image",
    "cut.jpg": r"cut\.jpg': damaged image",
    "moving.png": r"moving\.png': GIF with 2 frames; a single still image is expected",
}


@pytest.mark.parametrize(("name", "message"), BAD_FILES.items())
def test_bad_files_are_named_with_their_fault(tmp_path, name, message):
    make_bad_files(tmp_path)
    with pytest.raises(ImageError, match=message):
        read_image(tmp_path / name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="gone.png"):
        read_image(tmp_path / "gone.png")


def test_batches_keep_the_order_and_every_file(tmp_path):
    make_bad_files(tmp_path)
    save(as_rgb(RAMP), tmp_path / "fine.png")
    paths = [tmp_path / name for name in ("cut.jpg", "fine.png", "empty.png", "fine.png")]
    batches = list(read_batches(paths, 3))
    assert [len(batch) for batch in batches] == [3, 1]
    read = [item for batch in batches for item in batch]
    assert [path for path, _, _ in read] == paths
    assert [image is None for _, image, _ in read] == [True, False, True, False]
    assert "damaged" in read[0][2] and read[1][2] == ""
