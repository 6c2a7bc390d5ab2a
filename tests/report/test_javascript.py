"""The page's arithmetic, run in V8, gives what Python gives."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratch_d2.evaluation.images import ImageTable, judge_images
from scratch_d2.metrics.bootstrap import REPLICATES, resample
from scratch_d2.metrics.image_metrics import image_metrics, wilson_interval
from scratch_d2.report.steps import threshold_steps
from scratch_d2.structures.areas import measure_area
from scratch_d2.structures.scaling import scale_area
from scratch_d2.structures.thresholds import AREA_SCALINGS, AREA_UNITS, Thresholds
from scratch_d2.structures.verdict import judge
from scratch_d2.structures.wording import format_areas, format_shares
from tests.builders import predict_boxes
from tests.report.pages import FIGURES, verdicts

AREAS = st.sampled_from([0.0, 1.0, 40.0, 99.5, 100.0, 180.25, 5000.0])
SCORES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0])
ROWS = st.lists(st.tuples(st.booleans(), AREAS, SCORES, st.integers(0, 5)), min_size=1, max_size=24)
BANDS = st.sampled_from([None, (40.0, 180.25), (0.0, 1.0), (100.0, 200.0)])
COUNTS = ["tp", "fp", "fn", "tn"]
UPPERS = st.sampled_from([None, 0.25, 0.6, 1.0])
SCALINGS = st.sampled_from(AREA_SCALINGS)
THRESHOLDS = st.builds(lambda *v: v, AREAS, SCORES, BANDS, UPPERS, st.booleans(), SCALINGS)


def table(rows, gated=True):
    bad, area, p_bad, group = zip(*rows)
    names = [str(index) for index in range(len(rows))]
    scores = np.array(p_bad) if gated else None
    return ImageTable(names, names, list(group), np.array(bad), np.array(area), scores)


def columns(images):
    p_bad = None if images.p_bad is None else images.p_bad.tolist()
    return {"bad": images.y_true.tolist(), "area": images.area.tolist(), "p_bad": p_bad}


def put(area, gate, band, upper=None, disagreement=False, scaling="none"):
    """Thresholds for Python and for the page."""
    upper = None if upper is None else max(gate, upper)
    values = {
        "area": area,
        "gate_threshold": gate,
        "review_band": band,
        "gate_upper_threshold": upper,
        "review_disagreement": disagreement,
        "area_scaling": scaling,
    }
    made = Thresholds(**values)
    return made, {**values, "score": made.score}


@given(ROWS, THRESHOLDS, st.booleans())
def test_labels_judges_and_metrics(script, rows, chosen, gated):
    images, (thresholds, sent) = table(rows, gated), put(*chosen)
    judged = script("judgeAll", columns(images), sent)
    assert judged["labels"] == verdicts(images, thresholds)
    expected = judge_images(images, thresholds)
    assert set(judged["judges"]) == set(expected)
    for name, (called, score) in expected.items():
        got = judged["judges"][name]
        # What is infinite is null in JSON.
        scores = [None if math.isinf(value) else value for value in score.tolist()]
        assert (got["called"], got["score"]) == (called.tolist(), scores)
        figures = script("figuresOf", images.y_true.tolist(), called.tolist())
        points = script("rank", images.y_true.tolist(), score.tolist())
        figures["AUC"] = script("areaUnderRoc", points)
        figures["AP_bad"] = script("averagePrecision", points)
        metrics = image_metrics(images.y_true, called, score)
        for key in (*FIGURES, *COUNTS):
            # What is no number is null in JSON.
            value = math.nan if figures[key] is None else figures[key]
            assert value == pytest.approx(metrics[key], rel=1e-14, nan_ok=True), key


@given(ROWS, AREAS)
def test_intervals_of_the_same_draws(script, rows, area):
    images = table(rows, gated=False)
    called, score = judge_images(images, Thresholds(area=area))["area"]
    resampling = resample(images.group)
    drawn = resampling.weights[1:].astype(int).ravel().tolist()
    sent = {"bad": images.y_true.tolist(), "group": resampling.group.tolist()}
    intervals = script("intervalsOf", sent, called.tolist(), drawn)
    expected = image_metrics(images.y_true, called, score, images.group)
    for name in ("recall_bad", "precision_bad", "accuracy", "F1_bad"):
        ends = intervals[name] or [math.nan, math.nan]
        assert ends == pytest.approx(
            [expected[f"{name}_low"], expected[f"{name}_high"]], abs=1e-9, nan_ok=True
        )


def test_the_page_draws_groups_with_replacement(script):
    drawn = np.array(list(script("drawGroups", 20).values())).reshape(REPLICATES, 20)
    assert (drawn.sum(axis=1) == 20).all()
    assert drawn.mean(axis=0) == pytest.approx(np.ones(20), abs=0.15)
    assert drawn.var() == pytest.approx(0.95, abs=0.03)  # multinomial: 20 * 1/20 * 19/20


@given(st.integers(0, 200), st.integers(1, 200))
def test_wilson(script, hits, more):
    total = hits + more - 1
    ends = script("wilson", hits / total if total else 0, total)
    expected = wilson_interval(hits, total)
    assert (ends or [math.nan] * 2) == pytest.approx(expected, abs=1e-12, nan_ok=True)


# What each slider cannot change.
FIXED = {
    "area": "fixedForArea",
    "gate_threshold": "fixedForGate",
    "gate_upper_threshold": "fixedForUpper",
}


@given(ROWS, THRESHOLDS, st.sampled_from(list(FIXED)))
def test_strips_count_what_each_step_would_give(script, rows, chosen, moved):
    images, (thresholds, sent) = table(rows), put(*chosen)
    scaled = scale_area(images.area, images.p_bad, thresholds)
    assert script("scaledAreas", columns(images), sent) == scaled.tolist()
    values, ceiling = (scaled, math.inf) if moved == "area" else (images.p_bad, 1.0)
    steps = threshold_steps(values, ceiling)
    fixed = script(FIXED[moved], columns(images), sent)
    distinct = script("distinctOf", values.tolist())
    trade = script("tradeOff", columns(images), values.tolist(), distinct, len(steps), fixed)
    for step, missed, alarms in zip(steps, trade["missed"], trade["alarms"], strict=True):
        upper = thresholds.gate_upper_threshold
        if moved == "gate_threshold" and upper is not None and step > upper:
            break  # from here on the upper threshold goes along
        if moved == "gate_upper_threshold" and step < thresholds.gate_threshold:
            continue  # down here the gate's threshold goes along
        labels = np.array(verdicts(images, replace(thresholds, **{moved: step})))
        assert missed == np.sum(images.y_true & (labels == "good")), step
        assert alarms == np.sum(~images.y_true & (labels == "bad")), step


@pytest.mark.parametrize("ceiling", [1.0, math.inf])
@given(st.lists(st.floats(0, 1, allow_subnormal=False), max_size=20))
def test_every_outcome_has_one_step(ceiling, values):
    steps = threshold_steps(values, ceiling)
    counts = [sum(value >= step for value in values) for step in steps]
    assert counts == sorted(set(counts), reverse=True)
    reachable = {sum(v >= step for v in values) for step in values}
    highest = max(values, default=0.0)
    assert set(counts) == reachable | ({0} if highest < ceiling or not values else set())
    assert all(0 <= step <= ceiling for step in steps)


@pytest.mark.parametrize("unit", AREA_UNITS)
@pytest.mark.parametrize("method", ["contour", "weighted"])
@given(st.integers(0, 3), st.integers(1, 20), THRESHOLDS, st.one_of(st.none(), st.floats(0, 1)))
def test_reasons(script, method, unit, count, side, chosen, p_bad):
    whole = 60 * 160 if unit == "fraction" else 1
    area, gate, band, *others = chosen
    band = band and (band[0] / whole, band[1] / whole)
    thresholds, sent = put(area / whole, gate, band, *others)
    how = {"area_unit": unit, "area_method": method, "pixels_per_mm": 1.0}
    thresholds, sent = replace(thresholds, **how), {**sent, **how}
    boxes = {(40 * i, 0, 40 * i + side + 1, side + 1): 0.9 for i in range(count)}
    prediction = predict_boxes(60, 160, boxes)
    verdict = judge(prediction, p_bad, thresholds)
    images = {"area": [measure_area(prediction, thresholds)], "count": [count]}
    images["p_bad"] = None if p_bad is None else [p_bad]
    assert script("reasonOf", images, sent, 0) == verdict.reason


@pytest.mark.parametrize("unit", AREA_UNITS)
@given(st.lists(st.floats(0, 1e18), min_size=1, max_size=3))
def test_numbers_in_words(script, unit, values):
    assert script("formatAreas", values, unit) == format_areas(values, unit)
    assert script("formatShares", values) == format_shares(values)
