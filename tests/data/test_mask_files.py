import numpy as np
import pytest
from PIL import Image

from scratch_d2.data.mask_files import read_mask, read_mask_kind
from scratch_d2.utils.opencv import cv2
from tests.builders import rectangles, save

MASK = rectangles(12, 20, (3, 2, 9, 5), (15, 8, 16, 12))
WHITE = MASK.astype(np.uint8) * 255
FULL = np.full_like(WHITE, 255)
# A mask in grey of many levels, as an image editor smooths its edges.
SMOOTH = np.where(MASK, 200, np.arange(MASK.size).reshape(MASK.shape) % 100).astype(np.uint8)


def palette_mask(mask: np.ndarray, colours: list[int]) -> Image.Image:
    image = Image.fromarray(mask.astype(np.uint8)).convert("P")
    image.putdata(mask.astype(np.uint8).ravel().tolist())
    image.putpalette(colours)
    return image


def quantized() -> Image.Image:
    """A mask in colours whose order an optimiser chose."""
    return Image.fromarray(np.dstack([np.where(MASK, 255, 0).astype(np.uint8)] * 3)).quantize(2)


FILES = {
    "0 and 1": MASK.astype(np.uint8),
    "0 and 255": WHITE,
    "exactly 127": MASK.astype(np.uint8) * 127,
    "just above the threshold": np.where(MASK, 128, 127).astype(np.uint8),
    "colours": np.repeat(WHITE[:, :, None], 3, axis=2),
    "red on black": np.dstack([WHITE, WHITE * 0, WHITE * 0]),
    "smooth": SMOOTH,
    "smooth red": np.dstack([SMOOTH, SMOOTH * 0, SMOOTH * 0]),
    "16 bits": np.where(MASK, 65535, 300).astype(np.uint16),
    "255 of 16 bits": WHITE.astype(np.uint16),
    "smooth in 16 bits": SMOOTH.astype(np.uint16) * 257,
    "smooth 255 of 16 bits": SMOOTH.astype(np.uint16),
    "white on a clear layer": np.dstack([FULL, FULL, FULL, WHITE]),
    "black on a clear layer": np.dstack([FULL * 0, FULL * 0, FULL * 0, WHITE]),
    "white on black with alpha": np.dstack([WHITE, WHITE, WHITE, FULL - 1 + MASK]),
    "grey with alpha": np.dstack([FULL, WHITE]),
    "grey with full alpha": np.dstack([WHITE, FULL]),
    "palette": palette_mask(MASK, [0, 0, 0, 128, 0, 0]),
    "palette on white": palette_mask(MASK, [255, 255, 255, 128, 0, 0]),
    "palette in black on white": palette_mask(MASK, [255, 255, 255, 0, 0, 0]),
    "palette whose black is 1": palette_mask(~MASK, [255, 255, 255, 0, 0, 0]),
    "palette by an optimiser": quantized(),
    "one bit": Image.fromarray(MASK).convert("1"),
}
REAL = {
    "probabilities": np.where(MASK, 0.9, 0.02),
    "smooth probabilities": np.where(MASK, 0.9, SMOOTH / 255),
    "floats to 255": np.where(MASK, 200.0, SMOOTH / 1.0),
}


@pytest.mark.parametrize("stored", FILES.values(), ids=FILES)
def test_masks_of_every_kind(tmp_path, stored):
    image = stored if isinstance(stored, Image.Image) else Image.fromarray(stored)
    image.save(tmp_path / "mask.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), MASK)


@pytest.mark.parametrize("stored", REAL.values(), ids=REAL)
def test_masks_of_floats(tmp_path, stored):
    path = save(stored.astype(np.float32), tmp_path / "mask.tif")
    np.testing.assert_array_equal(read_mask(path), MASK)


def test_colours_of_16_bits_keep_their_low_bits(tmp_path):
    deep = np.dstack([WHITE.astype(np.uint16)] * 3)
    cv2.imwrite(str(tmp_path / "mask.png"), deep)
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), MASK)


def test_the_threshold_is_honoured(tmp_path):
    path = save(SMOOTH, tmp_path / "mask.png")
    np.testing.assert_array_equal(read_mask(path, threshold=59), SMOOTH > 59)
    assert not read_mask(path, threshold=200).any()


@pytest.mark.parametrize(
    ("stored", "kind"),
    [
        (SMOOTH, "grey above 127"),
        (WHITE, "level 255 of 0 and 255"),
        (FILES["palette by an optimiser"], "palette, all but black"),
        (FILES["palette"], "palette, all but index 0"),
        (FILES["grey with alpha"], "what is not clear"),
    ],
)
def test_how_a_mask_was_understood_is_said(tmp_path, stored, kind):
    image = stored if isinstance(stored, Image.Image) else Image.fromarray(stored)
    image.save(tmp_path / "mask.png")
    assert read_mask_kind(tmp_path / "mask.png").kind == kind


def test_an_inverted_mask_stays_inverted(tmp_path):
    np.testing.assert_array_equal(read_mask(save(255 - WHITE, tmp_path / "mask.png")), ~MASK)
