"""Polygons: clipped to an image, known to cross themselves, simplified within half a pixel."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scratch_d2.formats.polygons import clip, crosses_itself, ellipse, outline
from scratch_d2.structures.masks import decode_rle, to_rle
from scratch_d2.utils.opencv import cv2
from tests.builders import rectangles
from tests.formats.outlines import border_middles, distances

points = st.lists(
    st.tuples(st.integers(-40, 140), st.integers(-40, 140)), min_size=3, max_size=8
).map(lambda corners: np.array(corners, float))


@given(points)
@example(np.array([(0, 0), (4, 5), (82, 92)], float))
@example(np.array([(0, -16), (112, 121), (0, 0), (69, 87)], float))
def test_a_clipped_polygon_covers_the_same_pixels_of_the_image(corners):
    clipped = clip(corners, 100, 80)
    covered = np.zeros((80, 100), bool)
    if len(clipped) >= 3:
        assert clipped.min() >= 0 and (clipped <= (100, 80)).all()
        covered = decode_rle(to_rle([clipped.ravel().tolist()], 80, 100))
    y, x = np.mgrid[:80, :100] + 0.5
    centres = np.stack([x.ravel(), y.ravel()], axis=1)
    inside = is_inside(centres, corners).reshape(80, 100)
    # pycocotools rounds corners, so that pixels along the border are covered or not.
    near = distances(centres, corners).reshape(80, 100) < 2
    assert not (covered & ~inside & ~near).any()
    assert not (~covered & inside & ~near).any()


def is_inside(centres: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Whether points [N, 2] are inside a polygon, by the number of edges to their right."""
    hits = np.zeros(len(centres), int)
    for one, other in zip(corners, np.roll(corners, 1, axis=0)):
        between = (centres[:, 1] < one[1]) != (centres[:, 1] < other[1])
        rise = other[1] - one[1] or 1.0
        x = one[0] + (centres[:, 1] - one[1]) / rise * (other[0] - one[0])
        hits += between & (centres[:, 0] < x)
    return hits % 2 == 1


@pytest.mark.parametrize(
    ("corners", "crosses"),
    [
        ([0, 0, 9, 9, 9, 0, 0, 9], True),
        ([0, 0, 9, 0, 9, 9, 0, 9], False),
        ([0, 0, 9, 0, 9, 9], False),
        ([0, 0, 9, 0, 4, 5, 9, 9, 0, 9, 4, 5], False),  # touches itself in a point
        ([0, 0, 10, 0, 10, 10, 5, -5, 0, 10], True),
        (ellipse((50, 50), (20, 10), 30), False),
    ],
)
def test_a_polygon_that_crosses_itself_is_known(corners, crosses):
    assert crosses_itself(np.array(corners, float).reshape(-1, 2)) == crosses


def test_an_ellipse_is_turned_clockwise():
    corners = np.array(ellipse((50, 40), (20, 5), 90)).reshape(-1, 2)
    assert corners.min(axis=0) == pytest.approx([45, 20])
    assert corners.max(axis=0) == pytest.approx([55, 60])
    tilted = np.array(ellipse((0, 0), (20, 1), 30)).reshape(-1, 2)
    assert tilted[0] == pytest.approx([20 * np.cos(np.pi / 6), 10])  # down on the right


@pytest.mark.parametrize("seed", range(6))
def test_an_outline_has_few_corners_and_is_within_half_a_pixel(seed):
    rng = np.random.default_rng(seed)
    drawn = np.zeros((120, 160), np.uint8)
    for _ in range(3):
        ends = rng.integers(0, 120, (2, 2)).tolist()
        cv2.line(drawn, tuple(ends[0]), tuple(ends[1]), 1, int(rng.integers(2, 12)))
    mask = drawn > 0
    polygons = outline(mask)
    middles = border_middles(mask)
    # Cuts through holes are borders of polygons, not of the mask, so only one way is compared.
    nearest = np.min([distances(middles, polygon) for polygon in polygons], axis=0)
    assert nearest.max() <= 0.5 + 1e-6
    assert sum(map(len, polygons)) / 2 < len(middles) / 3
    again = decode_rle(to_rle(polygons, 120, 160))
    assert (again & mask).sum() > 0.93 * (again | mask).sum()


def test_what_would_lose_its_form_keeps_its_corners():
    box = rectangles(64, 96, (20, 10, 50, 30))
    (corners,) = outline(box)
    assert sorted(zip(corners[::2], corners[1::2])) == [(20, 10), (20, 30), (50, 10), (50, 30)]
    line = np.eye(40, dtype=bool)
    np.testing.assert_array_equal(decode_rle(to_rle(outline(line), 40, 40)), line)
