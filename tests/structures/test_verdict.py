from dataclasses import replace
from fnmatch import fnmatchcase

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratch_d2.structures.areas import counts
from scratch_d2.structures.prediction import Prediction
from scratch_d2.structures.thresholds import AREA_SCALINGS, RULES, Thresholds
from scratch_d2.structures.verdict import (
    Verdict,
    decide,
    decision_scores,
    judge,
    needs_detector,
    not_judged,
)
from tests.builders import predict_boxes

# contourArea of the box is 30 x 20 = 600
SCRATCH = predict_boxes(100, 200, {(10, 10, 41, 31): 0.8})
TWO = predict_boxes(100, 200, {(10, 10, 41, 31): 0.8, (60, 10, 91, 21): 0.8})
PIXELS = Thresholds(area=500, area_unit="pixel")
SHARE = Thresholds(area=0.025, area_unit="fraction")
SIXTY = replace(PIXELS, gate_threshold=0.6)
NOTHING = Prediction.empty(100, 200)
UPPER = replace(PIXELS, gate_threshold=0.2, gate_upper_threshold=0.7)
DISPUTED = replace(UPPER, review_disagreement=True)
ODDS = replace(PIXELS, gate_threshold=0.2, area_scaling="odds")
# and of this one 25 x 20 = 500
OF_500_PX = predict_boxes(100, 200, {(10, 10, 36, 31): 0.8})


@pytest.mark.parametrize(
    ("prediction", "p_bad", "thresholds", "reason"),
    [
        (SCRATCH, None, PIXELS, "Bad: 1 scratch covers 600 px (limit 500 px)"),
        (SCRATCH, None, replace(PIXELS, area=600), "Bad: 1 scratch covers 600 px (limit 600 px)"),
        (SCRATCH, None, replace(PIXELS, area=601), "Good: 1 scratch covers 600 px (limit 601 px)"),
        (SCRATCH, None, replace(PIXELS, score=0.81), "Good: no scratch found"),
        (SCRATCH, None, replace(PIXELS, score=0.8), "Bad: 1 scratch covers 600 px (limit 500 px)"),
        (TWO, None, PIXELS, "Bad: 2 scratches cover 900 px (limit 500 px)"),
        (None, 0.53, SIXTY, "Good: nothing suspicious (suspicion 53%, limit 60%)"),
        (None, 0.5996, SIXTY, "Good: nothing suspicious (suspicion 59.96%, limit 60%)"),
        (None, 0.0004, SIXTY, "Good: nothing suspicious (suspicion 0%, limit 60%)"),
        (SCRATCH, 0.6, SIXTY, "Bad: 1 scratch covers 600 px (limit 500 px)"),
        (
            NOTHING,
            0.9,
            SIXTY,
            "Good: suspicious (suspicion 90%, limit 60%), but no scratch found",
        ),
        (
            SCRATCH,
            None,
            replace(PIXELS, review_band=(600, 700)),
            "Review: 1 scratch covers 600 px (review from 600 px to 700 px)",
        ),
        (SCRATCH, None, replace(PIXELS, review_band=(500, 600)), "Bad: 1 scratch * 500 px)"),
        (NOTHING, None, replace(PIXELS, area=0), "Bad: no scratch found (limit 0 px)"),
        (SCRATCH, None, SHARE, "Bad: 1 scratch covers 3% of the image (limit 2.5%)"),
        (SCRATCH, None, replace(SHARE, area=0.0301), "Good: * 3% of the image (limit 3.01%)"),
        (SCRATCH, None, replace(PIXELS, area=651, area_method="pixel"), "Bad: * 651 px (*)"),
        (
            SCRATCH,
            0.7,
            UPPER,
            "Bad: very suspicious (suspicion 70%, limit 70%); 1 scratch covers 600 px (*)",
        ),
        (NOTHING, 0.7, UPPER, "Bad: very suspicious (suspicion 70%, *); no scratch found"),
        (NOTHING, 0.69, UPPER, "Good: suspicious (suspicion 69%, limit 20%), but no scratch found"),
        (NOTHING, 0.7, DISPUTED, "Review: very suspicious (*), but no scratch found"),
        (SCRATCH, 0.7, DISPUTED, "Bad: very suspicious (*); 1 scratch covers 600 px (*)"),
        (SCRATCH, 0.1, DISPUTED, "Review: nothing suspicious (*10%*), but 1 scratch covers *"),
        (NOTHING, 0.1, DISPUTED, "Good: nothing suspicious (suspicion 10%, limit 20%)"),
        (SCRATCH, 0.5, ODDS, "Bad: 1 scratch covers 600 px (limit 500 px at a suspicion of 50%)"),
        (SCRATCH, 0.4, ODDS, "Good: 1 scratch covers 600 px (limit 750 px at a suspicion of 40%)"),
        (OF_500_PX, 0.8, ODDS, "Bad: * 500 px (limit 125 px at a suspicion of 80%)"),
        (SCRATCH, 1.0, ODDS, "Bad: * 600 px (limit below 1 px at a suspicion of 100%)"),
        (NOTHING, 0.99, ODDS, "Good: suspicious (suspicion 99%, limit 20%), but no scratch *"),
        (SCRATCH, 0.1, ODDS, "Good: nothing suspicious (suspicion 10%, limit 20%)"),
        (SCRATCH, None, ODDS, "Bad: 1 scratch covers 600 px (limit 500 px)"),
        (
            SCRATCH,
            0.6,
            replace(ODDS, review_band=(750, 1000)),
            "Review: * 600 px (review from 500 px to 666.7 px at a suspicion of 60%)",
        ),
        (
            SCRATCH,
            0.8,
            replace(ODDS, gate_upper_threshold=0.8),
            "Bad: very suspicious (suspicion 80%, *); 1 scratch covers 600 px (limit 125 px)",
        ),
        (SCRATCH, 0.0, RULES["seed"], "Bad: 1 scratch covers 600 px (limit 500.5 px)"),
        (OF_500_PX, None, RULES["seed"], "Good: 1 scratch covers 500 px (limit 500.5 px)"),
    ],
)
def test_the_rule_and_its_reason(prediction, p_bad, thresholds, reason):
    verdict = judge(prediction, p_bad, thresholds)
    assert fnmatchcase(verdict.reason, reason)
    assert verdict.reason.startswith(f"{verdict.label.capitalize()}: ") and verdict.p_bad == p_bad


def test_what_cannot_be_judged_is_for_review():
    verdict = not_judged("it is too dark", 0.3)
    assert verdict == Verdict("review", 0.0, 0.3, "Review: cannot be judged: it is too dark")


@pytest.mark.parametrize("score", [0.1, 0.3, 0.7, 0.9])
def test_a_score_at_the_threshold_counts_whatever_its_rounding(score):
    prediction = predict_boxes(100, 200, {(10, 10, 41, 31): score})
    assert counts(prediction, Thresholds(score=score)).tolist() == [True]
    assert judge(prediction, None, Thresholds(score=score)).label == "bad"


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
    scaling=st.sampled_from(AREA_SCALINGS),
)
def test_the_decision_score_is_1_or_more_where_an_image_is_not_good(
    area, p_bad, limit, gate, upper, band, disagreement, scaling
):
    thresholds = Thresholds(
        area=limit,
        review_band=(limit / 2, limit * 2) if band else None,
        gate_threshold=gate[0],
        gate_upper_threshold=gate[1] if upper else None,
        review_disagreement=disagreement,
        area_scaling=scaling,
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
