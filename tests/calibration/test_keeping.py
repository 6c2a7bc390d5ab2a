"""Former thresholds are kept unless new ones are better on images they were not chosen on."""

import json
from dataclasses import replace

import numpy as np
import pytest

from scratch_d2.calibration import Goal, calibrate
from scratch_d2.calibration.keeping import ORIGIN, Former, why_keep
from scratch_d2.calibration.table import format_calibration
from scratch_d2.structures.thresholds import Thresholds, read_thresholds
from tests.calibration.tables import draw_images

ORIGINS = dict(zip(ORIGIN, ("f1", "labels_val", "ab", "2026-11-26"), strict=True))


def expect(tp: int, fp: int) -> dict[str, float]:
    return {"tp": float(tp), "fp": float(fp)}


@pytest.mark.parametrize(
    ("goal", "here", "expected", "said"),
    [
        ("f1", (8, 0), (8, 0), "an F1 of 0.889 here, and new ones reach an F1 of 0.889 on images"),
        ("f1", (8, 0), (9, 0), None),
        ("f1", (8, 0), None, "an F1 of 0.889 here, and what new ones reach on other images is"),
        ("cost=5", (9, 4), (8, 1), "a cost of 9 here, and new ones reach a cost of 11 on"),
        ("cost=2", (9, 4), (8, 1), None),
        ("recall=0.8", (8, 2), (10, 6), "a recall of 0.800 with a precision of 0.800 here, and"),
        ("recall=0.9", (8, 2), (10, 6), None),
    ],
)
def test_new_thresholds_must_be_better_by_the_goal(goal, here, expected, said):
    former = Former(Thresholds(), ORIGINS)
    new = expected and expect(*expected)
    reason = why_keep(former, expect(*here), new, Goal.parse(goal), positives=10)
    assert (reason is None) == (said is None)
    if said:
        assert reason.startswith(f"the thresholds chosen on labels_val are kept: they reach {said}")


@pytest.mark.parametrize(
    ("changes", "review_share", "data", "reason"),
    [
        ({}, 0.0, "cd", None),
        ({"gate_threshold": 0.4, "area": 3.0}, 0.0, "cd", None),
        ({"area_method": "pixel"}, 0.0, "cd", "they judge areas in another way"),
        ({"area_scaling": "odds"}, 0.0, "cd", "they judge areas in another way"),
        ({"score": 0.3}, 0.0, "cd", "they judge areas in another way"),
        ({"review_disagreement": True}, 0.0, "cd", "they judge areas in another way"),
        ({"review_band": (1, 2)}, 0.0, "cd", "a review band is asked for, or they have one"),
        ({}, 0.1, "cd", "a review band is asked for, or they have one"),
        ({}, 0.0, "ab", "they were chosen on these very images"),
    ],
)
def test_what_cannot_be_compared_is_not_kept(changes, review_share, data, reason):
    former = Former(replace(Thresholds(), **changes), ORIGINS)
    assert former.why_not(Thresholds(), data, review_share) == reason


def test_thresholds_that_were_never_calibrated_do_not_count(tmp_path):
    Thresholds().save(tmp_path)
    assert Former.read(tmp_path / "thresholds.json") is None


def test_kept_thresholds_are_written_with_their_origin_and_kept_again(tmp_path):
    images = draw_images(60, seed=4)
    good = calibrate(draw_images(2000, seed=1), Thresholds(), "f1").thresholds
    made = calibrate(images, Thresholds(), "f1", former=Former(good, ORIGINS))
    assert made.thresholds == good and made.expected == made.metrics
    assert made.kept["data_sha256"] == "ab" and "labels_val are kept" in made.kept["reason"]
    made.thresholds.save(tmp_path, made.to_dict(dataset="few", data_sha256="cd"))
    block = read_thresholds(tmp_path / "thresholds.json")[1]
    assert block["kept"] == made.kept and json.dumps(block)
    former = Former.read(tmp_path / "thresholds.json")
    assert former == Former(good, ORIGINS)
    assert former.why_not(Thresholds(), "cd", 0.0) is None
    text = format_calibration(made, {})
    assert "\n  kept " in text and "note: the thresholds chosen on labels_val are kept" in text
    assert "--anew" in text


def test_bad_former_thresholds_are_replaced():
    bad = Former(Thresholds(area=1e9), ORIGINS)
    made = calibrate(draw_images(200), Thresholds(), "f1", former=bad)
    assert made.kept is None and made.to_dict()["kept"] is None
    assert made.thresholds == calibrate(draw_images(200), Thresholds(), "f1").thresholds


def test_a_recall_that_kept_thresholds_miss_is_no_limit_of_the_detector():
    good = calibrate(draw_images(2000, seed=1), Thresholds(), "f1").thresholds
    images = draw_images(60, seed=4)
    made = calibrate(images, Thresholds(), "recall=0.95", former=Former(good, ORIGINS))
    assert made.kept and made.metrics["recall_bad"] < 0.95
    assert "expect a recall of 0.8333 on other images, not the 0.95 asked" in made.warnings[1]


def test_scaled_areas_are_chosen_as_if_they_had_been_measured_so():
    images = draw_images(300)
    scores = np.clip(images.p_bad, 1e-4, 1 - 1e-4)
    scaled = replace(images, area=images.area * (scores / (1 - scores)))
    odds = calibrate(images, Thresholds(area_scaling="odds"), "f1", 0.1)
    plain = calibrate(scaled, Thresholds(), "f1", 0.1)
    assert replace(odds.thresholds, area_scaling="none") == plain.thresholds
    assert odds.metrics == plain.metrics and odds.expected == plain.expected
    with pytest.raises(ValueError, match="SCRATCH.AREA_SCALING odds"):
        calibrate(replace(images, p_bad=None), Thresholds(area_scaling="odds"), "f1")
