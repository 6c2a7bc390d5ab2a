"""Polygons: clipped to an image, known to cross themselves, simplified within half a pixel."""

import numpy as np
import pytest
from hypothesis import given
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
def test_a_clipped_polygon_covers_the_same_pixels_of_the_image(corners):
    clipped = clip(corners, 100, 80)
    canvas = to_rle([(corners + 200).ravel().tolist()], 500, 500)
    whole = decode_rle(canvas)[200:280, 200:300]
    if len(clipped) < 3:
        inside = np.zeros((80, 100), bool)
    else:
        assert clipped.min() >= 0 and (clipped <= (100, 80)).all()
        inside = decode_rle(to_rle([clipped.ravel().tolist()], 80, 100))
    # pycocotools rounds differently at another place, by a pixel along the border.
    kernel = np.ones((5, 5), np.uint8)
    wide, narrow = (
        cv2.dilate(whole.astype(np.uint8), kernel),
        cv2.erode(np.pad(whole, 2, mode="edge").astype(np.uint8), kernel)[2:-2, 2:-2],
    )
    assert not (inside & (wide == 0)).any()
    assert not (~inside & (narrow == 1))[3:-3, 3:-3].any()


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
