import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratch_d2.evaluation.image_metrics import image_metrics, wilson_interval

# 3 Bad of which 2 found, 5 Good of which 1 called Bad.
BAD = np.array([1, 1, 1, 0, 0, 0, 0, 0], bool)
CALLED = np.array([1, 1, 0, 1, 0, 0, 0, 0], bool)
SCORE = np.array([9.0, 8.0, 1.0, 5.0, 0.5, 0.4, 0.3, 0.2])


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
    }
    assert {key: metrics[key] for key in expected} == pytest.approx(expected)
    assert all(type(value) is float for value in metrics.values())


@settings(max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(0, 1)), min_size=1, max_size=30))
def test_identities_that_always_hold(rows):
    bad, called, score = (np.array(column) for column in zip(*rows))
    m = image_metrics(bad, called, score)
    counts = [m[f"{a}_as_{b}"] for a in ("good", "bad") for b in ("good", "bad")]
    assert sum(counts) == len(rows)
    assert m["accuracy"] == pytest.approx((counts[0] + counts[3]) / len(rows))
    assert m["recall_weighted"] == pytest.approx(m["accuracy"])
    if counts[3]:
        assert m["recall_bad_low"] <= m["recall_bad"] <= m["recall_bad_high"]
        p, r = m["precision_bad"], m["recall_bad"]
        assert m["F1_bad"] == pytest.approx(2 * p * r / (p + r))


def test_what_cannot_be_known_is_nan():
    metrics = image_metrics(np.zeros(3, bool), np.zeros(3, bool), np.arange(3.0))
    assert math.isnan(metrics["AUC"]) and math.isnan(metrics["recall_bad_low"])
    assert metrics["accuracy"] == 1.0 and metrics["recall_bad"] == 0.0


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    # (p + z2/2n +- z sqrt(p(1-p)/n + z2/4n2)) / (1 + z2/n) with z = 1.96; 10 / (10 + z2)
    [(50, 100, 0.4038, 0.5962), (10, 10, 0.7225, 1.0), (0, 10, 0.0, 0.2775)],
)
def test_wilson_interval_against_its_formula(hits, total, low, high):
    assert wilson_interval(hits, total) == pytest.approx((low, high), abs=1e-4)
