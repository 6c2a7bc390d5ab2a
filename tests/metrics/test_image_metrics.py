import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics as sklearn

from scratch_d2.metrics.image_metrics import image_metrics, wilson_interval

# 3 Bad of which 2 found, 5 Good of which 1 called Bad.
BAD = np.array([1, 1, 1, 0, 0, 0, 0, 0], bool)
CALLED = np.array([1, 1, 0, 1, 0, 0, 0, 0], bool)
SCORE = np.array([9.0, 8.0, 1.0, 5.0, 0.5, 0.4, 0.3, 0.2])
ROWS = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 6)), min_size=1, max_size=40)


def columns(rows):
    bad, called, score = (np.array(column) for column in zip(*rows))
    return bad, called, score / 6


def test_figures_of_a_case_counted_by_hand():
    metrics = image_metrics(BAD, CALLED, SCORE)
    expected = {
        "precision_bad": 2 / 3,
        "recall_bad": 2 / 3,
        "F1_bad": 2 / 3,
        "precision_good": 4 / 5,
        "recall_good": 4 / 5,
        "F1_good": 4 / 5,
        "precision_macro": (2 / 3 + 4 / 5) / 2,
        "F1_weighted": (3 * 2 / 3 + 5 * 4 / 5) / 8,
        "accuracy": 6 / 8,
        "bad_as_bad": 2,
        "bad_as_good": 1,
        "good_as_bad": 1,
        "good_as_good": 4,
        "AUC": 14 / 15,  # of the 15 pairs only (1.0, 5.0) is in the wrong order
        "precision_at_recall_95": 3 / 4,
    }
    assert {key: metrics[key] for key in expected} == pytest.approx(expected)
    assert all(type(value) is float for value in metrics.values())


@given(ROWS)
def test_every_figure_is_that_of_scikit_learn(rows):
    bad, called, score = columns(rows)
    ours, both = image_metrics(bad, called, score), [False, True]
    options = {"labels": both, "zero_division": 0.0}
    by_class = sklearn.precision_recall_fscore_support(bad, called, **options)
    for name, (good_value, bad_value) in zip(("precision", "recall", "F1"), by_class):
        assert (ours[f"{name}_good"], ours[f"{name}_bad"]) == pytest.approx((good_value, bad_value))
    for average in ("macro", "weighted"):
        values = sklearn.precision_recall_fscore_support(bad, called, average=average, **options)
        for name, value in zip(("precision", "recall", "F1"), values):
            assert ours[f"{name}_{average}"] == pytest.approx(value)
    assert ours["accuracy"] == pytest.approx(sklearn.accuracy_score(bad, called))
    counts = sklearn.confusion_matrix(bad, called, labels=both)
    names = [f"{truth}_as_{verdict}" for truth in ("good", "bad") for verdict in ("good", "bad")]
    assert [ours[name] for name in names] == counts.ravel().tolist()


@given(ROWS)
def test_ranking_is_that_of_scikit_learn(rows):
    bad, called, score = columns(rows)
    assume(bad.any() and not bad.all())
    ours = image_metrics(bad, called, score)
    assert ours["AUC"] == pytest.approx(sklearn.roc_auc_score(bad, score))
    assert ours["AP_bad"] == pytest.approx(sklearn.average_precision_score(bad, score))
    precision, recall, _ = sklearn.precision_recall_curve(bad, score)
    for percent in (90, 95, 99):
        best = precision[recall >= percent / 100].max()
        assert ours[f"precision_at_recall_{percent}"] == pytest.approx(best)


@given(ROWS)
def test_intervals_hold_their_figures_or_are_unknown(rows):
    metrics = image_metrics(*columns(rows))
    for name in ("precision_bad", "recall_bad", "F1_macro", "accuracy"):
        low, high = metrics[f"{name}_low"], metrics[f"{name}_high"]
        if math.isnan(low) or math.isnan(high):
            assert math.isnan(low) and math.isnan(high)
        else:
            assert 0 <= low <= metrics[name] <= high <= 1


def test_shots_of_one_label_are_one_trial():
    rng = np.random.default_rng(0)
    bad = np.repeat(rng.random(60) < 0.5, 4)
    called = np.repeat(rng.random(60) < 0.5, 4)
    score, groups = called.astype(float), np.arange(240) // 4
    alone, grouped = (image_metrics(bad, called, score, g) for g in (None, groups))
    widths = [m["accuracy_high"] - m["accuracy_low"] for m in (alone, grouped)]
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.2)


def test_a_recall_of_one_is_as_sure_as_there_are_groups():
    bad, score = np.ones(40, bool), np.ones(40)
    metrics = image_metrics(bad, bad, score, np.arange(40) // 4)
    assert metrics["recall_bad"] == 1.0
    assert metrics["recall_bad_low"] == pytest.approx(0.7225, abs=1e-4)  # Wilson, 10 of 10
    assert math.isnan(metrics["F1_bad_low"])


@pytest.mark.parametrize(
    ("bad", "recall_interval"),
    # 0 of 3 found, z2 / (3 + z2); without a Bad image there is no interval.
    [([True] * 3, (0.0, 0.5615)), ([False] * 3, (math.nan,) * 2), ([], (math.nan,) * 2)],
)
def test_what_cannot_be_known_is_nan(bad, recall_interval):
    metrics = image_metrics(bad, np.zeros(len(bad), bool), np.arange(float(len(bad))))
    for name in ("AUC", "AP_bad", "precision_at_recall_95", "AUC_low"):
        assert math.isnan(metrics[name])
    assert metrics["recall_bad"] == 0.0 and metrics["precision_bad"] == 0.0
    ends = metrics["recall_bad_low"], metrics["recall_bad_high"]
    assert ends == pytest.approx(recall_interval, abs=1e-4, nan_ok=True)


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    # (p + z2/2n +- z sqrt(p(1-p)/n + z2/4n2)) / (1 + z2/n) with z = 1.96; 10 / (10 + z2)
    [(50, 100, 0.4038, 0.5962), (10, 10, 0.7225, 1.0), (0, 10, 0.0, 0.2775)],
)
def test_wilson_interval_against_its_formula(hits, total, low, high):
    assert wilson_interval(hits, total) == pytest.approx((low, high), abs=1e-4)
