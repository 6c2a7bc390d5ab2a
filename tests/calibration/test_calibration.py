import json
import math
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest

from scratch_d2.calibration import calibrate
from scratch_d2.calibration.choice import deal_folds
from scratch_d2.calibration.metrics import give_verdicts
from scratch_d2.calibration.source import check_measure, read_source, refuse_test_set
from scratch_d2.calibration.table import format_calibration
from scratch_d2.evaluation.images import ImageTable
from scratch_d2.structures.thresholds import RULES, Thresholds, read_thresholds
from tests.calibration.tables import draw_images, make_images


def test_folds_keep_groups_whole_and_expected_figures_repeat():
    images = draw_images(60, group_size=3)
    fold_of = deal_folds(images)
    assert set(fold_of) == set(range(5))
    assert all(len(set(fold_of[i : i + 3])) == 1 for i in range(0, 60, 3))
    first, again = (calibrate(images, Thresholds(), "f1", 0.1) for _ in range(2))
    assert first.expected == again.expected
    assert first.expected["F1_bad"] < first.metrics["F1_bad"]
    total = sum(first.expected[count] for count in ("tp", "fp", "fn", "tn"))
    assert total == 60
    by_area = calibrate(replace(images, p_bad=None), Thresholds(), "f1", 0.1)
    assert 0 < by_area.metrics["for_review"] <= 0.1
    assert first.expected["bad_below_threshold"] <= first.expected["fn"]


def test_expected_figures_foresee_those_on_other_images():
    others, here, expected, there = draw_images(3000, seed=1), [], [], []
    for seed in range(2, 10):
        made = calibrate(draw_images(240, seed), Thresholds(), "f1")
        y_pred = give_verdicts(others, made.thresholds)[:, 0] > 0
        tp = (y_pred & others.y_true).sum()
        there.append(2 * tp / (y_pred.sum() + others.y_true.sum()))
        here.append(made.metrics["F1_bad"])
        expected.append(made.expected["F1_bad"])
    assert np.mean(here) > np.mean(there) + 0.01
    assert np.mean(expected) == pytest.approx(np.mean(there), abs=0.03)


MANY = [False] * 25 + [True] * 25


@pytest.mark.parametrize(
    ("images", "goal", "said"),
    [
        (make_images([], []), "f1", "there are no images; the thresholds stay"),
        (make_images([False] * 3, [0, 5, 9]), "f1", "all 3 images are Good; the thresholds stay"),
        (make_images([True] * 2, [0, 5]), "cost=3", "all 2 images are Bad; the thresholds stay"),
        (make_images(MANY, [0] * 50), "f1", "no scratch was found on any image; the thresholds"),
        (make_images(MANY, [9] * 25 + [0] * 25), "f1", "no scratch was found on any Bad image"),
    ],
)
def test_where_nothing_can_be_chosen_the_thresholds_stay(images, goal, said):
    before = Thresholds(area=321.0, gate_threshold=0.2, review_band=(300, 400))
    made = calibrate(images, before, goal, 0.5)
    assert made.thresholds == before and made.expected is None and not made.chosen
    assert len(made.warnings) == 1 and said in made.warnings[0]
    assert json.loads(json.dumps(made.to_dict(), allow_nan=False))["expected"] is None


@pytest.mark.parametrize(
    ("images", "goal", "said"),
    [
        (make_images(MANY[13:], range(37)), "f1", "only 12 Good images: the 95% interval of their"),
        (make_images(MANY[:37], range(37)), "f1", "only 12 Bad images: the 95% interval of their"),
        (make_images(MANY, [7] * 50), "f1", "all areas are 7; the area threshold cannot"),
        (
            make_images(MANY, [*range(25), *[0] * 5, *range(20)]),
            "recall=0.9",
            "a recall of 0.9 cannot be reached; the highest is 0.7600",
        ),
        (draw_images(90), "recall=0.7", "expect a recall of 0.6000 on other images, not the 0.7"),
        (make_images(MANY, range(50), group=["a"] * 50), "f1", "of one group; cross-validation"),
        (make_images(MANY, range(50)[::-1]), "cost=0.01", "no image is judged Bad: at this cost"),
    ],
)
def test_what_limits_a_choice_is_said(images, goal, said):
    made = calibrate(images, Thresholds(), goal)
    assert any(said in warning for warning in made.warnings), made.warnings
    assert made.chosen and (made.expected is None) == ("of one group" in said)


def test_clear_cut_images_give_no_warning_and_the_gate_thresholds_all_good_ones():
    scores = [0.125] * 25 + [0.875] * 25
    made = calibrate(make_images(MANY, [0] * 25 + [100] * 25, scores), Thresholds(), "recall=0.98")
    assert made.warnings == ()
    assert (made.thresholds.area, made.thresholds.gate_threshold) == (50, 0.5)
    assert made.metrics["F1_bad"] == made.expected["F1_bad"] == 1
    assert made.metrics["below_threshold"] == 0.5 and made.metrics["bad_below_threshold"] == 0


def test_the_rule_seed_counts_areas_above_500_px_only():
    images = make_images([False, True, False, True], [500, 500.5, 0, 900], [0.9, 0.0, 0.1, 0.2])
    made = calibrate(images, Thresholds(area=7), "seed")
    assert made.thresholds == RULES["seed"] and made.expected == made.metrics
    assert made.metrics["tp"] == 2 and made.metrics["fp"] == 0
    with pytest.raises(ValueError, match="'contour' and unit 'pixel' .* 'pixel' and unit 'pixel'"):
        calibrate(images, Thresholds(area_method="pixel"), "seed")


@pytest.mark.parametrize(
    ("goal", "share", "said"),
    [
        ("f2", 0, r"goal 'f2' is unknown; accepted are f1, recall=R .* the rule seed"),
        *((text, 0, "accepted are f1") for text in ("f1=1", "recall", "recall=0", "recall=1.1")),
        *((text, 0, "accepted are f1") for text in ("cost=-1", "cost=nan", "cost=1e7", "recall=x")),
        ("f1", 1.5, "review share is 1.5; accepted is a number in 0..1"),
        ("f1", math.nan, "review share is nan"),
        ("seed", 0.1, "rule 'seed' has no review band"),
    ],
)
def test_goals_that_mean_nothing_are_refused(goal, share, said):
    with pytest.raises(ValueError, match=said):
        calibrate(draw_images(9), Thresholds(), goal, share)


def test_a_calibration_is_written_read_and_laid_out(tmp_path):
    images = replace(draw_images(90), p_bad=None)
    made = calibrate(images, Thresholds(), "cost=4", 0.1)
    made.thresholds.save(tmp_path, made.to_dict(dataset="labels_val", data_sha256="ab"))
    thresholds, block = read_thresholds(tmp_path / "thresholds.json")
    assert thresholds == made.thresholds and block["goal"] == "cost=4"
    assert block["metrics"]["tp"] == made.metrics["tp"]
    text = format_calibration(made, {"before": (Thresholds(), None)})
    line = next(line for line in text.splitlines() if line.startswith("recall of Bad"))
    assert f"{made.metrics['recall_bad']:.3f}" in line and line.endswith(" -")
    assert "review from" in text


def write_evaluation(folder, **changes: object) -> None:
    draw_images(9).save(folder, Thresholds())
    stated = {"dataset": "labels_val", "data_sha256": "ab", "images": 9}
    thresholds = {"area": 5.0, "review_band": [1, 9]}
    metadata = {**stated, "thresholds": thresholds, **changes}
    content = {"metadata": metadata, "leak": {"test_images": 3}}
    (folder / "evaluation.json").write_text(json.dumps(content))


def test_an_earlier_evaluation_is_read(tmp_path):
    write_evaluation(tmp_path)
    source = read_source(tmp_path)
    assert source.thresholds == Thresholds(area=5.0, review_band=(1, 9))
    assert source.metadata()["images"] == 9 and source.metadata()["data_sha256"] == "ab"
    assert "3 of 9 images, or nearly the same, were trained on" in source.warnings[0]
    assert source.measure(Thresholds(score=0.9)) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dataset": "labels_test"}, "'labels_test' is a test set"),
        ({"thresholds": {"size": 5}}, "does not say on which images"),
        ({"images": 8}, "images.jsonl holds 9 images, evaluation.json is about 8"),
    ],
)
def test_an_evaluation_that_is_none_to_calibrate_on_is_refused(tmp_path, changes, said):
    write_evaluation(tmp_path, **changes)
    with pytest.raises(ValueError, match=said):
        read_source(tmp_path)
    refuse_test_set("labels_val")


def split_by_gate(count: int, seed: int = 0) -> ImageTable:
    """Bad images of which the detector misses half, though the gate is sure of them all."""
    rng = np.random.default_rng(seed)
    y_true = np.arange(count) % 2 == 0
    missed = np.arange(count) % 4 == 0
    area = np.where(y_true & ~missed, 600.0, rng.choice([0.0, 300.0, 700.0], count))
    p_bad = np.where(y_true, rng.uniform(0.8, 1, count), rng.uniform(0.3, 0.7, count))
    names = [str(index) for index in range(count)]
    return ImageTable(names, names, names, y_true, area, p_bad)


@pytest.mark.parametrize("text", ["f1", "recall=1", "cost=3"])
def test_an_upper_gate_threshold_finds_what_the_detector_misses(text):
    made = calibrate(split_by_gate(200), Thresholds(), text)
    upper = made.thresholds.gate_upper_threshold
    assert 0.7 < upper < 0.8
    assert made.metrics["recall_bad"] == made.metrics["precision_bad"] == 1.0
    assert made.expected["F1_bad"] > 0.95
    assert f"Bad from p(Bad) {upper:g} on" in format_calibration(made, {})


def test_an_upper_gate_threshold_that_gains_nothing_elsewhere_is_not_chosen():
    images = make_images(MANY, range(50), group=[str(i) for i in range(50)])
    images = replace(images, p_bad=np.random.default_rng(0).uniform(0, 1, 50))
    assert calibrate(images, Thresholds(), "f1").thresholds.gate_upper_threshold is None
    without_gate = replace(images, p_bad=None)
    assert calibrate(without_gate, Thresholds(), "f1").thresholds.gate_upper_threshold is None


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("SCRATCH.PIXELS_PER_MM", {"pixels_per_mm": 10.0}, "is 10.0, but .* measured with 20.0"),
        ("SCRATCH.AREA_METHOD", {"area_method": "pixel"}, "is 'pixel', but .* with 'contour'"),
        ("SCRATCH.SCORE_THRESHOLD", {"score": 0.3}, "is 0.3, but .* measured with 0.5"),
        ("SCRATCH.AREA_THRESHOLD", {"area": 3.0}, ""),
        ("GATE.WEIGHTS", {"score": 0.3}, ""),
    ],
)
def test_areas_that_were_measured_otherwise_than_asked_for_are_refused(key, value, said):
    measured = Thresholds(area=1.0, area_unit="mm2", pixels_per_mm=20.0)
    with pytest.raises(ValueError, match=f"{key} {said}") if said else nullcontext():
        check_measure([key, ""], replace(measured, **value), measured)
