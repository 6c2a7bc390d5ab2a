"""The search for the best thresholds, against trying each."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_curve

from scratch_d2.calibration import Goal
from scratch_d2.calibration.metrics import give_verdicts
from scratch_d2.calibration.search import choose_thresholds
from scratch_d2.evaluation.images import ImageTable
from scratch_d2.structures.thresholds import Thresholds
from tests.calibration.tables import tables

GOALS = ["f1", "recall=0.5", "recall=0.75", "recall=1", "cost=0.5", "cost=1", "cost=10"]


def middles(values: np.ndarray) -> list[tuple[float, float, float]]:
    """Every gap between distinct values as (middle, low, high)."""
    return [((a + b) / 2, a, b) for a, b in itertools.pairwise(sorted(set(values)))]


def worth(goal: Goal, images: ImageTable, y_pred: np.ndarray) -> tuple[float, ...]:
    """What a goal says of verdicts, the higher the better, written out for one case."""
    tp = int((y_pred & images.y_true).sum())
    fp, fn = int(y_pred.sum()) - tp, int(images.y_true.sum()) - tp
    recall, precision = tp / (tp + fn), tp / max(tp + fp, 1)
    if goal.name == "f1":
        return (2 * tp / (2 * tp + fp + fn),)
    if goal.name == "cost":
        return (-(fp + goal.value * fn),)
    if recall >= goal.value:
        return (1.0, 1.0, precision, -fp, tp)
    return (0.0, recall, precision, -fp, tp)


@given(tables(), st.sampled_from(GOALS))
def test_the_choice_is_the_best_of_all_by_trying_each(images, text):
    goal, found = Goal.parse(text), []
    scores = np.ones(len(images)) if images.p_bad is None else images.p_bad
    for skip, _, _ in [(0.0, 0, 0), *middles(scores)]:
        reach = scores >= skip
        for area, low, high in middles([0.0, *images.area[reach], 2 * images.area.max()]):
            value = worth(goal, images, reach & (images.area >= area))
            found.append((value, int((~reach).sum()), high - low, low, high))
    chosen = choose_thresholds(images, Thresholds(gate_threshold=0.0), goal)
    y_pred, _, skipped, _ = give_verdicts(images, chosen).T
    value, most, widest, _, _ = max(found)
    assert worth(goal, images, y_pred > 0) == pytest.approx(value)
    assert skipped.sum() == most and chosen.area > 0
    gaps = [entry[2:] for entry in found if entry[:2] == (value, most)]
    assert any(gap == widest and low < chosen.area <= high for gap, low, high in gaps)


@given(tables(gated=False), st.sampled_from([0.3, 0.5, 0.8, 1.0]))
def test_without_a_gate_the_choice_is_that_of_the_precision_recall_curve(images, least):
    curve = precision_recall_curve(images.y_true, images.area)
    precision, recall = (values[:-1][curve[2] > 0] for values in curve[:2])
    best = choose_thresholds(images, Thresholds(gate_threshold=0.3), Goal("f1"))
    y_pred = images.area >= best.area
    tp = (y_pred & images.y_true).sum()
    f1 = 2 * tp / (y_pred.sum() + images.y_true.sum())
    whole = precision + recall
    highest = np.divide(2 * precision * recall, whole, out=np.zeros_like(whole), where=whole > 0)
    assert f1 == pytest.approx(highest.max()) and best.gate_threshold == 0.3
    y_pred = images.area >= choose_thresholds(images, Thresholds(), Goal("recall", least)).area
    enough = recall >= min(least, recall.max())
    assert (y_pred & images.y_true).sum() / images.y_true.sum() in recall[enough]
    assert images.y_true[y_pred].mean() == pytest.approx(precision[enough].max())


@given(tables(), st.sampled_from(GOALS), st.sampled_from([0.1, 0.34, 0.5, 1.0]))
def test_no_review_band_leaves_less_cost_outside(images, text, share):
    goal = Goal.parse(text)
    weight = goal.value if goal.name == "cost" else 1.0
    chosen = choose_thresholds(images, Thresholds(), goal, share)
    gated = images.p_bad is not None
    reach = images.p_bad >= chosen.gate_threshold if gated else np.ones(len(images), bool)

    def outside(low: float, high: float) -> tuple[float, int]:
        """Cost of the errors outside a band, and how many images are in it."""
        inside = reach & (low <= images.area) & (images.area < high)
        y_pred = reach & ~inside & (images.area >= chosen.area)
        missed = images.y_true & ~y_pred & ~inside
        return round(weight * missed.sum() + (y_pred & ~images.y_true).sum(), 9), int(inside.sum())

    edges = [m for m, _, _ in middles([0.0, *images.area, 2 * images.area.max()])]
    lows = [chosen.area, *(edge for edge in edges if edge < chosen.area)]
    highs = [chosen.area, *(edge for edge in edges if edge > chosen.area)]
    tried = [outside(low, high) for low in lows for high in highs]
    allowed = [entry for entry in tried if entry[1] <= math.floor(share * len(images) + 1e-9)]
    low, high = chosen.review_band or (chosen.area, chosen.area)
    assert outside(low, high) == min(allowed)
    assert 0 < low <= chosen.area <= high
    assert give_verdicts(images, chosen)[:, 3].sum() == outside(low, high)[1]


@given(tables(), st.sampled_from(GOALS))
def test_trying_an_upper_threshold_is_never_worse_on_the_same_images(images, text):
    goal = Goal.parse(text)
    plain, upper = (
        choose_thresholds(images, Thresholds(), goal, upper=name) for name in ("none", "best")
    )
    values = [worth(goal, images, give_verdicts(images, t)[:, 0] > 0) for t in (plain, upper)]
    assert values[1] >= values[0] or values[1] == pytest.approx(values[0])
    assert images.p_bad is not None or upper.gate_upper_threshold is None


@given(tables(), st.sampled_from(GOALS))
def test_a_sure_upper_threshold_calls_no_other_good_image_bad(images, text):
    plain, sure = (
        choose_thresholds(images, Thresholds(), Goal.parse(text), upper=name)
        for name in ("none", "sure")
    )
    before, after = (give_verdicts(images, each)[:, 0] > 0 for each in (plain, sure))
    changed = before != after
    assert images.y_true[changed].all() and after[changed].all()
    if images.p_bad is None or sure.gate_upper_threshold is None:
        assert sure == plain
        return
    assert changed.any()
    cleared = images.p_bad[~images.y_true & ~before]
    assert sure.gate_upper_threshold > cleared.max(initial=0)
    left = images.p_bad[images.y_true & ~after]
    assert (left < np.maximum(sure.gate_threshold, np.nextafter(cleared.max(initial=0), 2))).all()
