from dataclasses import replace

import numpy as np
import pytest
import torch

from scratch_d2.engines.embedded import MaskRCNN
from scratch_d2.gate.familiarity import Familiarity
from scratch_d2.gate.image_check import ImageCheck
from scratch_d2.inspection.inspector import Inspector, Models
from scratch_d2.inspection.margins import MARGINS, Margins, verdict_is_close
from scratch_d2.inspection.stopwatch import Stopwatch
from scratch_d2.structures.prediction import Prediction
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.utils.files import prepare_output_dir
from tests.builders import predict_boxes
from tests.engines.parity import fill
from tests.gate.gates import save_gate
from tests.inspection.fakes import THRESHOLDS, bright_detector, photograph


def images_of(*greys: int) -> list[np.ndarray]:
    return [np.full((40, 50, 3), grey, np.uint8) for grey in greys]


def scores_by_grey(scores: dict[int, float]):
    """A gate that knows the score of each grey level, and which it was asked for."""

    def gate(images):
        gate.asked.extend(int(image[0, 0, 0]) for image in images)
        return np.array([scores[int(image[0, 0, 0])] for image in images], np.float32)

    gate.asked = []
    return gate


def test_the_gate_spares_the_detector_what_it_passes():
    seen = []

    def detector(images):
        seen.append([int(image[0, 0, 0]) for image in images])
        return bright_detector(images)

    gate = scores_by_grey({200: 0.9, 201: 0.01, 10: 0.5, 202: 0.05})
    stopwatch = Stopwatch()
    inspector = Inspector(gate, detector, THRESHOLDS, detector_batch=2)
    results = inspector.inspect(images_of(200, 201, 10, 202), stopwatch)
    assert seen == [[200, 10], [202]]
    assert [result.verdict.label for result in results] == ["bad", "good", "good", "bad"]
    assert results[1].verdict.p_bad == pytest.approx(0.01) and len(results[1].prediction) == 0
    assert set(stopwatch.seconds) == {"gate", "detector"}
    inspector.inspect(images_of(201))
    assert len(seen) == 2
    assert inspector.inspect([]) == []


def test_what_cannot_be_judged_is_for_review_and_spares_the_detector():
    seen = []

    def detector(images):
        seen.extend(images)
        return bright_detector(images)

    check = ImageCheck(low={"paper": 100.0}, high={})
    gate = scores_by_grey({200: 0.9, 10: 0.01})
    results = Inspector(gate, detector, THRESHOLDS, image_check=check).inspect(images_of(200, 10))
    assert [result.label for result in results] == ["bad", "review"]
    assert (
        "cannot be judged: it is too dark (brightest grey level 10, limit 100)" in results[1].reason
    )
    assert results[1].p_bad == pytest.approx(0.01) and len(seen) == 1


class KnowingGate:
    """Scores images by their grey level, which is also their only feature."""

    familiarity = Familiarity.learn(np.linspace(190, 210, 60, dtype=np.float32)[:, None], 16)

    def look(self, images):
        grey = np.array([image.mean() for image in images], np.float32)
        return np.where(grey > 205, 0.9, 0.01).astype(np.float32), grey[:, None]

    def __call__(self, images):
        return self.look(images)[0]


@pytest.mark.parametrize(
    ("grey", "label"),
    [(200, "good"), (90, "review"), (209, "bad"), (250, "bad")],  # what is not Good needs no doubt
)
def test_a_good_image_has_to_look_like_those_of_the_training(grey, label):
    check = ImageCheck(low={}, high={})
    inspector = Inspector(KnowingGate(), bright_detector, THRESHOLDS, image_check=check)
    (result,) = inspector.inspect(images_of(grey))
    assert result.label == label
    assert ("looks unlike the Good images" in result.reason) == (label == "review")


@pytest.mark.parametrize(("further", "asked"), [(0.999, True), (1.001, True), (0.9, False)])
def test_a_distance_from_good_images_that_is_close_is_asked_for_again(further, asked):
    class Near(KnowingGate):
        seen = 0

        def look(self, images):
            self.seen += len(images)
            p_bad, features = super().look(images)
            middle, limit = float(self.familiarity.mean[0]), self.familiarity.limit
            spread = float(np.sqrt(self.familiarity.variances[0]))
            return p_bad, np.full_like(features, middle + further * limit * spread)

    fast, exact = Near(), Near()
    familiarity = fast.familiarity
    (distance,) = familiarity.distances(fast.look(images_of(200))[1])
    assert distance == pytest.approx(further * familiarity.limit, rel=1e-3)
    models = Models(exact, bright_detector)
    margins = MARGINS["bfloat16"]
    check = ImageCheck(low={}, high={})
    Inspector(
        fast, bright_detector, THRESHOLDS, models, margins=margins, image_check=check
    ).inspect(images_of(200))
    assert exact.seen == asked


def test_without_the_image_check_a_strange_image_may_be_good():
    (result,) = Inspector(KnowingGate(), bright_detector, THRESHOLDS).inspect(images_of(90))
    assert result.label == "good"


def test_without_a_gate_the_detector_sees_all():
    labels = [
        r.verdict.label
        for r in Inspector(None, bright_detector, THRESHOLDS).inspect(
            [photograph(True), photograph(False)]
        )
    ]
    assert labels == ["bad", "good"]


def test_an_array_that_is_no_photograph_is_refused():
    with pytest.raises(ValueError, match="HxWx3 uint8 RGB, but got float64"):
        Inspector(None, bright_detector, THRESHOLDS).inspect([np.zeros((4, 4, 3))])


def test_a_tensor_is_not_taken_for_a_list_of_images():
    with pytest.raises(TypeError, match="no image: Tensor; accepted are a path"):
        Inspector(None, bright_detector, THRESHOLDS)(torch.zeros(4, 4, 3, dtype=torch.uint8))


def test_close_scores_of_the_gate_are_asked_for_again():
    fast = scores_by_grey({1: 0.049, 2: 0.051, 3: 0.001, 4: 0.9})
    exact = scores_by_grey({1: 0.06, 2: 0.04})
    inspector = Inspector(fast, bright_detector, THRESHOLDS, Models(exact, bright_detector))
    results = inspector.inspect(images_of(1, 2, 3, 4))
    assert exact.asked == [1, 2]
    scores = [result.verdict.p_bad for result in results]
    assert scores == pytest.approx([0.06, 0.04, 0.001, 0.9])
    assert "nothing suspicious (suspicion 4%" in results[1].verdict.reason
    assert "nothing suspicious" not in results[0].verdict.reason


@pytest.mark.parametrize(
    ("found", "close"),
    [
        ({}, False),
        ({(0, 0, 40, 30): 0.9}, False),  # 29 x 39 px by contour, far above 500
        ({(0, 0, 24, 24): 0.9}, True),  # 529 px, a tenth less is below
        ({(0, 0, 23, 22): 0.9}, True),  # 462 px, a tenth more is above
        ({(0, 0, 20, 20): 0.9}, False),  # 361 px
        ({(0, 0, 40, 30): 0.53}, True),  # may fall below the score that counts
        ({(0, 0, 40, 30): 0.47}, True),
        ({(0, 0, 40, 30): 0.45}, False),
        ({(0, 0, 10, 10): 0.53}, False),  # whether it counts or not, the label is Good
    ],
)
def test_close_verdicts_are_asked_for_again(found, close):
    asked = []

    def fast(images):
        return [predict_boxes(40, 50, found) for _ in images]

    def exact(images):
        asked.extend(images)
        return [Prediction.empty(40, 50) for _ in images]

    inspector = Inspector(None, fast, THRESHOLDS, Models(None, exact))
    (result,) = inspector.inspect([photograph(True)])
    assert bool(asked) == close
    assert len(result.prediction) == (0 if close else len(found))


@pytest.mark.parametrize(("score", "close"), [(0.90, True), (0.80, False), (0.99, False)])
def test_a_score_moves_a_weighted_area(score, close):
    # 1,271 px times the fourth power of the score, against 800 px
    prediction = predict_boxes(40, 50, {(0, 0, 41, 31): score})
    thresholds = replace(THRESHOLDS, area=800.0, area_method="weighted", gate_threshold=0.0)
    margins = Margins(logit=0.1, score=0.02, area=0.0, distance=0.0)
    assert verdict_is_close(prediction, None, thresholds, margins) is close


@pytest.mark.parametrize(
    ("p_bad", "exact", "asked", "label"),
    [
        (0.5, 0.55, [7], "bad"),  # 600 px are 0.5% above the limit at 0.5
        (0.45, 0.49, [7], "good"),
        (0.3, 0.9, [], "good"),  # far below the limit of 1,393 px
        (0.8, 0.1, [], "bad"),  # far above that of 149 px
    ],
)
def test_where_areas_are_scaled_a_close_verdict_asks_both_exact_models(p_bad, exact, asked, label):
    thresholds = replace(THRESHOLDS, area=597.0, area_scaling="odds", gate_threshold=0.05)
    gates = [scores_by_grey({7: p_bad}), scores_by_grey({7: exact})]

    def detect(images):
        return [predict_boxes(40, 50, {(2, 2, 33, 23): 0.9}) for _ in images]

    inspector = Inspector(gates[0], detect, thresholds, Models(gates[1], detect))
    (result,) = inspector.inspect(images_of(7))
    assert (gates[1].asked, result.label) == (asked, label)
    assert result.p_bad == pytest.approx(exact if asked else p_bad)


def test_scaled_areas_without_a_gate_are_refused():
    with pytest.raises(ValueError, match="SCRATCH.AREA_SCALING odds"):
        Inspector(None, bright_detector, Thresholds(area_scaling="odds"))


def test_a_narrow_review_band_is_close_too():
    def fast(images):
        return [predict_boxes(40, 50, {(0, 0, 11, 11): 0.9})]  # 100 px

    thresholds = Thresholds(review_band=(110, 115))
    inspector = Inspector(None, fast, thresholds, Models(None, bright_detector))
    assert len(inspector.inspect([photograph(False)])[0].prediction) == 0


@pytest.mark.parametrize("precision", ["exact", "float32", "bfloat16"])
def test_an_inspector_is_loaded_from_the_folder_of_a_training(tmp_path, tiny_cfg, precision):
    network = MaskRCNN(tiny_cfg)
    fill(network)
    folder = prepare_output_dir(tiny_cfg.OUTPUT_DIR, tiny_cfg)
    torch.save({"model": network.state_dict()}, folder / "model_final.pth")
    Thresholds(area=7.0, gate_threshold=0.0).save(folder)
    save_gate(tmp_path / "gate.pth")
    opts = ["GATE.WEIGHTS", str(tmp_path / "gate.pth"), "SCRATCH.PRECISION", precision]
    inspector = Inspector.load(folder / "config.yaml", opts, engine="embedded")
    assert inspector.thresholds == Thresholds(area=7.0, gate_threshold=0.0)
    assert (inspector.exact is None) == (precision == "exact")
    assert precision == "exact" or inspector.margins == MARGINS[precision]
    assert (
        inspector.metadata["precision"] == precision and inspector.metadata["engine"] == "embedded"
    )
    results = inspector.inspect([photograph(True), photograph(False)])
    assert all(0 < result.verdict.p_bad < 1 for result in results)
    assert all(len(result.prediction) > 0 for result in results)
