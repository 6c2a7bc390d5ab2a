"""Gate and detector of a bundle, on sessions that return what a test wants."""

import numpy as np
import pytest

from scratch_d2.bundles.models import BundleDetector, BundleGate, to_prediction
from scratch_d2.structures.masks import decode_rle

INFO = {"preprocessing": {"image_size": 64, "mean": [0, 0, 0], "std": [1, 1, 1], "fill": 255}}
IMAGE = np.zeros((40, 80, 3), np.uint8)


def test_the_gate_scores_by_padding_in_batches_and_keeps_the_order():
    shapes = []

    def session(images):
        shapes.append(images.shape)
        least = images.reshape(len(images), -1).min(axis=1).astype(np.float32)
        return [least, np.stack([least, -least], axis=1)]

    images = [np.full((h, 80, 3), level, np.uint8) for level, h in enumerate([20, 75, 20, 20])]
    p_bad, features = BundleGate(session, INFO, batch_size=2).look(images)
    np.testing.assert_array_equal(p_bad, [0, 1, 2, 3])
    np.testing.assert_array_equal(features, [[0, 0], [1, -1], [2, -2], [3, -3]])
    assert shapes == [(2, 3, 32, 64), (1, 3, 32, 64), (1, 3, 64, 64)]


def test_a_network_that_overflows_is_refused():
    gate = BundleGate(lambda images: [np.array([0.5, np.nan], np.float32), np.zeros((2, 3))], INFO)
    with pytest.raises(FloatingPointError, match="score of image 1 is nan"):
        gate([IMAGE, IMAGE])
    nothing = [np.zeros((0, 4)), np.zeros(0), np.zeros((0, 28, 28)), np.array(False)]
    with pytest.raises(FloatingPointError, match="no finite numbers"):
        BundleDetector(lambda images: nothing, 64, 64)([IMAGE])
    with pytest.raises(ValueError, match="float64"):
        BundleDetector(lambda images: nothing, 64, 64)([IMAGE / 255])


def test_detections_are_brought_to_the_photograph():
    boxes = np.array([[10, 10, 20, 30], [50, 5, 90, 20], [70, 5, 75, 20]], np.float32)
    scores, masks = np.array([0.9, 0.8, 0.7], np.float32), np.ones((3, 28, 28), np.float32)
    found = to_prediction(boxes, scores, masks, seen=(32, 64), size=(64, 128))
    np.testing.assert_array_equal(found.boxes, [[20, 20, 40, 60], [100, 10, 128, 40]])
    assert found.scores.tolist() == pytest.approx([0.9, 0.8])
    assert decode_rle(found.masks[0]).nonzero()[0].min() == 20
    assert decode_rle(found.masks[0]).sum() == 20 * 40
