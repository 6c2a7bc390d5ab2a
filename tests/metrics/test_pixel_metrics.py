import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score

from scratch_d2.metrics.pixel_metrics import pixel_metrics
from scratch_d2.structures.masks import encode_rle
from scratch_d2.structures.prediction import Prediction
from scratch_d2.structures.thresholds import Thresholds
from tests.builders import predict_boxes, rectangles

H, W = 40, 60


def image(image_id: int, *boxes, crowd: int = 0) -> dict:
    """A dataset dict with a rectangular scratch per box."""
    item = {"image_id": image_id, "file_name": f"{image_id}.png", "height": H, "width": W}
    item["annotations"] = [
        {"bbox": list(b), "segmentation": encode_rle(rectangles(H, W, b)), "iscrowd": crowd}
        for b in boxes
    ]
    return item


boxes = st.tuples(
    st.integers(0, 50), st.integers(0, 30), st.integers(2, 30), st.integers(2, 20)
).map(lambda b: (b[0], b[1], min(W, b[0] + b[2]), min(H, b[1] + b[3])))


@given(st.lists(st.tuples(boxes, st.lists(boxes, max_size=3)), min_size=1, max_size=4))
def test_pooled_figures_are_those_of_scikit_learn_over_all_pixels(pairs):
    dicts = [image(i, truth) for i, (truth, _) in enumerate(pairs)]
    found = {
        i: predict_boxes(H, W, dict.fromkeys(boxes, 0.9)) for i, (_, boxes) in enumerate(pairs)
    }
    metrics = pixel_metrics(dicts, found, Thresholds())
    true = np.concatenate([rectangles(H, W, truth).ravel() for truth, _ in pairs])
    predicted = np.concatenate([rectangles(H, W, *boxes).ravel() for _, boxes in pairs])
    assert metrics["recall"] == pytest.approx(recall_score(true, predicted))
    assert metrics["dice"] == pytest.approx(f1_score(true, predicted))
    if predicted.any():
        assert metrics["precision"] == pytest.approx(precision_score(true, predicted))


def test_images_without_marked_scratches_are_left_out():
    dicts = [image(0, (0, 0, 20, 10)), image(1), image(2, (0, 0, W, H), crowd=1)]
    everywhere = {i: predict_boxes(H, W, {(0, 0, W, H): 0.9}) for i in range(3)}
    metrics = pixel_metrics(dicts, everywhere, Thresholds())
    assert metrics["images"] == 1 and metrics["recall"] == 1
    assert metrics["precision"] == 200 / (H * W)
    none = pixel_metrics(dicts[1:], everywhere, Thresholds())
    assert none["images"] == 0 and math.isnan(none["dice"]) and math.isnan(none["dice_low"])


def test_only_instances_that_count_are_looked_at_and_nothing_found_is_zero():
    dicts = [image(0, (0, 0, 20, 10)), image(1, (0, 0, 20, 10))]
    found = {i: predict_boxes(H, W, {(0, 0, 20, 10): s}) for i, s in enumerate((0.9, 0.4))}
    metrics = pixel_metrics(dicts, found, Thresholds(score=0.5))
    assert metrics["dice_mean"] == 0.5 and metrics["recall"] == 0.5 and metrics["precision"] == 1
    nothing = {i: Prediction.empty(H, W) for i in range(2)}
    metrics = pixel_metrics(dicts, nothing, Thresholds())
    assert metrics["dice"] == metrics["skeleton_recall"] == 0 and math.isnan(metrics["precision"])


def test_length_counts_not_area():
    """A thin line of 50 px is found whole, half of a wide one's area, its middle, is not."""
    line, block = (2, 5, 52, 8), (2, 15, 42, 35)
    dicts = [image(0, line, block)]
    found = {
        0: predict_boxes(H, W, {(2, 5, 52, 8): 0.9, (2, 15, 42, 20): 0.9, (2, 30, 42, 35): 0.9})
    }
    metrics = pixel_metrics(dicts, found, Thresholds())
    assert metrics["skeleton_recall_thin"] == 1.0
    assert metrics["recall"] == pytest.approx((150 + 400) / (150 + 800))
    assert 0.6 < metrics["skeleton_recall"] < 0.9
