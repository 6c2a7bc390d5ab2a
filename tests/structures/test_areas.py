import numpy as np
import pytest

from scratch_d2.structures.areas import instance_areas, measure_area, scratch_area
from scratch_d2.structures.masks import encode_rle
from scratch_d2.structures.prediction import Prediction
from scratch_d2.structures.thresholds import Thresholds
from tests.builders import predict_boxes, rectangles

# Two boxes of 30 x 20 = 600 pixels, of which 10 x 20 are in both.
TWO = predict_boxes(100, 200, {(10, 10, 40, 30): 0.5, (30, 10, 60, 30): 1.0})
WEIGHTED = Thresholds(score=0.4, area_method="weighted")


@pytest.mark.parametrize(
    ("mask", "contour", "pixel"),
    [
        (rectangles(20, 20, (2, 3, 12, 9)), 45.0, 60.0),  # (10 - 1) x (6 - 1) through the centres
        (rectangles(20, 20, (4, 5, 18, 6)), 0.0, 14.0),  # a line one pixel wide
        (rectangles(20, 20, (0, 0, 5, 5), (10, 10, 15, 15)), 32.0, 50.0),
        (rectangles(20, 20), 0.0, 0.0),
    ],
)
def test_areas(mask, contour, pixel):
    assert scratch_area(mask, "contour") == contour
    assert scratch_area(mask, "pixel") == pixel


def test_holes_count_in_contours_only():
    ring = rectangles(20, 20, (2, 2, 12, 12)) & ~rectangles(20, 20, (5, 5, 9, 9))
    assert scratch_area(ring, "contour") == 81.0
    assert scratch_area(ring, "pixel") == 84.0


def test_an_unknown_method_is_named():
    with pytest.raises(ValueError, match="'length' of a mask is unknown"):
        scratch_area(rectangles(4, 4), "length")


def test_overlapping_scratches_count_once():
    twice = predict_boxes(100, 200, {(10, 10, 41, 31): 0.9, (10, 10, 40, 31): 0.8})
    assert measure_area(twice, Thresholds()) == 600


@pytest.mark.parametrize(
    ("score", "area"),
    [
        (0.4, 600 + 400 / 16),  # what both hold counts with the higher score
        (0.6, 600.0),
        (0.0, 600 + 400 / 16),
    ],
)
def test_a_weighted_area_counts_pixels_with_the_fourth_power_of_their_score(score, area):
    thresholds = Thresholds(score=score, area_method="weighted")
    assert measure_area(TWO, thresholds) == pytest.approx(area)


def test_weighted_areas_of_instances_by_descending_score():
    assert instance_areas(TWO, WEIGHTED) == pytest.approx([600.0, 600 / 16])


@pytest.mark.parametrize(
    ("unit", "area"),
    [
        ({"area_unit": "pixel"}, 1000.0),
        ({"area_unit": "fraction", "area": 0.1}, 0.05),
        ({"area_unit": "mm2", "pixels_per_mm": 20.0}, 2.5),
    ],
)
def test_units(unit, area):
    thresholds = Thresholds(**{"area_method": "pixel", **unit})
    assert measure_area(TWO, thresholds) == pytest.approx(area)


@pytest.mark.parametrize("scale", [1, 3])
def test_the_same_label_has_the_same_fraction_at_any_size(scale):
    box = tuple(scale * side for side in (10, 10, 40, 30))
    prediction = predict_boxes(100 * scale, 200 * scale, {box: 0.9})
    thresholds = Thresholds(area=0.1, area_unit="fraction", area_method="pixel")
    assert measure_area(prediction, thresholds) == pytest.approx(0.03)


def test_no_detection_has_no_area():
    assert measure_area(predict_boxes(10, 20, {}), WEIGHTED) == 0.0
    assert np.isclose(measure_area(predict_boxes(10, 20, {(0, 0, 5, 5): 0.3}), WEIGHTED), 0.0)


@pytest.mark.parametrize("score", [0.0, 0.5])
def test_a_weighted_area_counts_each_pixel_with_the_best_score_that_holds_it(score):
    random = np.random.default_rng(0)
    masks = random.random((12, 30, 40)) < random.random((12, 1, 1)) / 2
    scores = np.sort(random.random(12).astype(np.float32))[::-1]
    scores[3] = scores[4]
    boxes = np.tile(np.array([0, 0, 40, 30], np.float32), (12, 1))
    prediction = Prediction(30, 40, boxes, scores, [encode_rle(mask) for mask in masks])
    counted = scores >= score
    best = (masks[counted] * scores[counted, None, None].astype(float)).max(axis=0)
    thresholds = Thresholds(score=score, area_method="weighted", area_unit="pixel")
    assert measure_area(prediction, thresholds) == pytest.approx((best**4).sum(), rel=1e-12)
