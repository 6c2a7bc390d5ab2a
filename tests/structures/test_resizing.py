import cv2
import numpy as np
import pytest
from PIL import Image

from scratch_d2.structures.images import one_channel
from scratch_d2.structures.resizing import resize, shrink

RANDOM = np.random.default_rng(0)


def photograph(height: int, width: int, *channels: int) -> np.ndarray:
    """Smooth shapes with noise on them, uint8."""
    coarse = RANDOM.uniform(0, 255, (8, 8, *channels)).astype(np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    noisy = smooth + RANDOM.normal(0, 8, (height, width, *channels))
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((722, 2000), (81, 224)),
        ((2000, 613), (224, 69)),
        ((800, 1600), (100, 200)),
        ((300, 400), (299, 17)),
        ((61, 2000), (7, 224)),
        ((900, 31), (1, 7)),
        ((203, 40), (100, 40)),
    ],
)
def test_images_shrink_as_with_opencv(before, after, channels):
    array = photograph(*before, *channels)
    found = shrink(array, after).astype(int)
    expected = cv2.resize(array, after[::-1], interpolation=cv2.INTER_AREA)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1 and (found != expected).mean() < 1e-3


def test_an_even_image_keeps_its_level():
    for level in (0, 1, 127, 254, 255):
        found = shrink(np.full((997, 1501, 3), level, np.uint8), (101, 224))
        assert (found == level).all()


@pytest.mark.parametrize("size", [(33, 47), (40, 256), (300, 20)])
def test_grey_photographs_are_resized_as_coloured_ones(size):
    grey = np.repeat(photograph(120, 163)[:, :, None], 3, axis=2)
    expected = np.asarray(Image.fromarray(grey).resize(size[::-1], Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(resize(grey, size), expected)


def test_one_pixel_of_colour_is_seen():
    grey = np.repeat(photograph(20, 30)[:, :, None], 3, axis=2)
    np.testing.assert_array_equal(one_channel(grey), grey[:, :, 0])
    for channel in range(3):
        coloured = grey.copy()
        coloured[19, 29, channel] ^= 1
        assert one_channel(coloured) is None
