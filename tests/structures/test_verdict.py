import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratch_d2.structures.prediction import Prediction
from scratch_d2.structures.thresholds import RULES, Thresholds
from scratch_d2.structures.verdict import (
    counts,
    decide,
    decision_scores,
    judge,
    measure_area,
    needs_detector,
)
from tests.builders import predict_boxes

# contourArea of the box is 30 x 20 = 600
SCRATCH = predict_boxes(100, 200, {(10, 10, 41, 31): 0.8})
NOTHING = Prediction.empty(100, 200)
UPPER = Thresholds(gate_threshold=0.2, gate_upper_threshold=0.7)
DISPUTED = replace(UPPER, review_disagreement=True)
# and of this one 25 x 20 = 500
OF_500_PX = predict_boxes(100, 200, {(10, 10, 36, 31): 0.8})


@pytest.mark.parametrize(
    ("prediction", "p_bad", "thresholds", "label", "reason"),
    [
        (SCRATCH, None, Thresholds(), "bad", "1 scratch of 600 px in all, at or above .* 500 px"),
        (SCRATCH, None, Thresholds(area=600), "bad", "at or above the limit of 600 px"),
        (SCRATCH, None, Thresholds(area=601), "good", "600 px in all, below the limit of 601 px"),
        (SCRATCH, None, Thresholds(score=0.81), "good", "no scratch with a score of 0.81 or more"),
        (SCRATCH, None, Thresholds(score=0.8), "bad", "1 scratch"),
        (None, 0.049, Thresholds(), "good", r"gate's p\(Bad\) of 0.049 is below 0.05"),
        (SCRATCH, 0.05, Thresholds(), "bad", "600 px"),
        (
            SCRATCH,
            None,
            Thresholds(review_band=(600, 700)),
            "review",
            "px to 700 px, for review",
        ),
        (SCRATCH, None, Thresholds(review_band=(500, 600)), "bad", "at or above"),
        (SCRATCH, None, Thresholds(area=0.03, area_unit="fraction"), "bad", r"3\.00% of the image"),
        (SCRATCH, None, Thresholds(area=651, area_method="pixel"), "bad", "651 px"),
        (Prediction.empty(9, 9), 0.9, Thresholds(), "good", "no scratch"),
        (SCRATCH, 0.7, UPPER, "bad", r"gate's p\(Bad\) of 0.700 is 0.7 or more, with 1 scratch"),
        (NOTHING, 0.7, UPPER, "bad", r"0.7 or more, with no scratch with a score of 0.5 or more"),
        (NOTHING, 0.69, UPPER, "good", "no scratch"),
        (NOTHING, 0.7, DISPUTED, "review", "0.7 or more, but no scratch"),
        (SCRATCH, 0.7, DISPUTED, "bad", "0.7 or more, with 1 scratch"),
        (SCRATCH, 0.1, DISPUTED, "review", r"of 0.100 is below 0.2, but 1 scratch of 600 px"),
        (NOTHING, 0.1, DISPUTED, "good", r"of 0.100 is below 0.2$"),
        (SCRATCH, 0.0, RULES["seed"], "bad", "600 px in all, at or above the limit of 500.5 px"),
        (OF_500_PX, None, RULES["seed"], "good", "500 px in all, below the limit of 500.5 px"),
    ],
)
def test_the_rule_and_its_reason(prediction, p_bad, thresholds, label, reason):
    verdict = judge(prediction, p_bad, thresholds)
    assert verdict.label == label and verdict.p_bad == p_bad
    assert re.search(reason, verdict.reason)


@pytest.mark.parametrize("score", [0.1, 0.3, 0.7, 0.9])
def test_a_score_at_the_threshold_counts_whatever_its_rounding(score):
    prediction = predict_boxes(100, 200, {(10, 10, 41, 31): score})
    assert counts(prediction, Thresholds(score=score)).tolist() == [True]
    assert judge(prediction, None, Thresholds(score=score)).label == "bad"


def test_overlapping_scratches_count_once():
    twice = predict_boxes(100, 200, {(10, 10, 41, 31): 0.9, (10, 10, 40, 31): 0.8})
    assert measure_area(twice, Thresholds()) == 600


@given(st.floats(0, 2000), st.floats(0, 2000))
def test_a_higher_limit_never_makes_an_image_bad(low, high):
    low, high = sorted((low, high))
    if judge(SCRATCH, None, Thresholds(area=high)).label == "bad":
        assert judge(SCRATCH, None, Thresholds(area=low)).label == "bad"


def test_impossible_inputs_are_refused():
    with pytest.raises(ValueError, match="number in 0..1, but got nan"):
        judge(SCRATCH, float("nan"), Thresholds())
    with pytest.raises(ValueError, match="needs the prediction"):
        judge(None, 0.5, Thresholds())


SHARES = st.one_of(st.none(), st.floats(0, 1))


@given(
    area=st.floats(0, 2000),
    p_bad=SHARES,
    limit=st.floats(0, 2000),
    gate=st.lists(st.floats(0, 1), min_size=2, max_size=2).map(sorted),
    upper=st.booleans(),
    band=st.booleans(),
    disagreement=st.booleans(),
)
def test_the_decision_score_is_1_or_more_where_an_image_is_not_good(
    area, p_bad, limit, gate, upper, band, disagreement
):
    thresholds = Thresholds(
        area=limit,
        review_band=(limit / 2, limit * 2) if band else None,
        gate_threshold=gate[0],
        gate_upper_threshold=gate[1] if upper else None,
        review_disagreement=disagreement,
    )
    p_bads = None if p_bad is None else np.array([p_bad])
    (score,) = decision_scores(np.array([area]), p_bads, thresholds)
    assert (score >= 1) == (decide(area, p_bad, thresholds) != "good")


@pytest.mark.parametrize(
    ("p_bad", "thresholds", "needed"),
    [
        (None, UPPER, True),
        (0.19, UPPER, False),
        (0.2, UPPER, True),
        (0.9, UPPER, True),
        (0.19, DISPUTED, True),
    ],
)
def test_the_detector_looks_at_all_but_what_the_gate_calls_good(p_bad, thresholds, needed):
    assert needs_detector(p_bad, thresholds) == needed
