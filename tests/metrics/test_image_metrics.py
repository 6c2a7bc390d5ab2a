import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics as sklearn

from scratch_d2.metrics.image_metrics import image_metrics, wilson_interval

# 3 Bad of which 2 found, 5 Good of which 1 judged Bad.
Y_TRUE = np.array([1, 1, 1, 0, 0, 0, 0, 0], bool)
Y_PRED = np.array([1, 1, 0, 1, 0, 0, 0, 0], bool)
Y_SCORE = np.array([9.0, 8.0, 1.0, 5.0, 0.5, 0.4, 0.3, 0.2])
ROWS = st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 6)), min_size=1, max_size=40)


def columns(rows):
    y_true, y_pred, y_score = (np.array(column) for column in zip(*rows))
    return y_true, y_pred, y_score / 6


def test_figures_of_a_case_counted_by_hand():
    metrics = image_metrics(Y_TRUE, Y_PRED, Y_SCORE)
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
        "tp": 2,
        "fn": 1,
        "fp": 1,
        "tn": 4,
        "AUC": 14 / 15,  # of the 15 pairs only (1.0, 5.0) is in the wrong order
        "precision_at_recall_95": 3 / 4,
    }
    assert {key: metrics[key] for key in expected} == pytest.approx(expected)
    assert all(type(value) is float for value in metrics.values())


@given(ROWS)
def test_every_figure_is_that_of_scikit_learn(rows):
    y_true, y_pred, y_score = columns(rows)
    ours, both = image_metrics(y_true, y_pred, y_score), [False, True]
    options = {"labels": both, "zero_division": 0.0}
    by_class = sklearn.precision_recall_fscore_support(y_true, y_pred, **options)
    for name, (good_value, bad_value) in zip(("precision", "recall", "F1"), by_class):
        assert (ours[f"{name}_good"], ours[f"{name}_bad"]) == pytest.approx((good_value, bad_value))
    for average in ("macro", "weighted"):
        values = sklearn.precision_recall_fscore_support(y_true, y_pred, average=average, **options)
        for name, value in zip(("precision", "recall", "F1"), values):
            assert ours[f"{name}_{average}"] == pytest.approx(value)
    assert ours["accuracy"] == pytest.approx(sklearn.accuracy_score(y_true, y_pred))
    counts = sklearn.confusion_matrix(y_true, y_pred, labels=both)
    assert [ours[name] for name in ("tn", "fp", "fn", "tp")] == counts.ravel().tolist()


@given(ROWS)
def test_ranking_is_that_of_scikit_learn(rows):
    y_true, y_pred, y_score = columns(rows)
    assume(y_true.any() and not y_true.all())
    ours = image_metrics(y_true, y_pred, y_score)
    assert ours["AUC"] == pytest.approx(sklearn.roc_auc_score(y_true, y_score))
    assert ours["AP_bad"] == pytest.approx(sklearn.average_precision_score(y_true, y_score))
    precision, recall, _ = sklearn.precision_recall_curve(y_true, y_score)
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
    y_true = np.repeat(rng.random(60) < 0.5, 4)
    y_pred = np.repeat(rng.random(60) < 0.5, 4)
    y_score, groups = y_pred.astype(float), np.arange(240) // 4
    alone, grouped = (image_metrics(y_true, y_pred, y_score, g) for g in (None, groups))
    widths = [m["accuracy_high"] - m["accuracy_low"] for m in (alone, grouped)]
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.2)


def test_a_recall_of_one_is_as_sure_as_there_are_groups():
    y_true, y_score = np.ones(40, bool), np.ones(40)
    metrics = image_metrics(y_true, y_true, y_score, np.arange(40) // 4)
    assert metrics["recall_bad"] == 1.0
    assert metrics["recall_bad_low"] == pytest.approx(0.7225, abs=1e-4)  # Wilson, 10 of 10
    assert math.isnan(metrics["F1_bad_low"])


@pytest.mark.parametrize(
    ("y_true", "recall_interval"),
    # 0 of 3 found, z2 / (3 + z2); without a Bad image there is no interval.
    [([True] * 3, (0.0, 0.5615)), ([False] * 3, (math.nan,) * 2), ([], (math.nan,) * 2)],
)
def test_what_cannot_be_known_is_nan(y_true, recall_interval):
    metrics = image_metrics(y_true, np.zeros(len(y_true), bool), np.arange(float(len(y_true))))
    for name in ("AUC", "AP_bad", "precision_at_recall_95", "AUC_low"):
        assert math.isnan(metrics[name])
    assert metrics["recall_bad"] == 0.0 and metrics["precision_bad"] == 0.0
    ends = metrics["recall_bad_low"], metrics["recall_bad_high"]
    assert ends == pytest.approx(recall_interval, abs=1e-4, nan_ok=True)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # (p + z2/2n +- z sqrt(p(1-p)/n + z2/4n2)) / (1 + z2/n) with z = 1.96; 10 / (10 + z2)
    [(50, 100, 0.4038, 0.5962), (10, 10, 0.7225, 1.0), (0, 10, 0.0, 0.2775)],
)
def test_wilson_interval_against_its_formula(successes, trials, low, high):
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=1e-4)
