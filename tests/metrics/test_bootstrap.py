import math

import numpy as np
import pytest

from scratch_d2.metrics.bootstrap import interval, resample


def test_whole_groups_are_drawn():
    resampling = resample(["b", "a", "b", "c"], replicates=50)
    assert resampling.weights[0].tolist() == [1, 1, 1]
    assert (resampling.weights.sum(axis=1) == 3).all()
    totals = resampling.totals(np.array([[1.0], [10.0], [2.0], [100.0]]))
    expected = resampling.weights @ np.array([10.0, 3.0, 100.0])  # groups in order of their names
    assert totals[:, 0] == pytest.approx(expected)


def test_blocks_count_items_by_column_with_the_weights_of_their_groups():
    resampling = resample(["a", "a", "b"], replicates=250)
    images, columns = np.array([0, 1, 2, 2]), np.array([0, 2, 2, 1])
    counted = np.concatenate(list(resampling.blocks(images, columns, 3)))
    a, b = resampling.weights.T
    assert counted == pytest.approx(np.stack([a, b, a + b], axis=1))


def test_the_interval_of_a_mean_is_that_of_the_normal_law():
    values = np.random.default_rng(0).normal(10, 2, 400)
    resampling = resample(range(400), replicates=4000)
    means = resampling.totals(values[:, None])[:, 0] / 400
    half = 1.96 * values.std() / 20
    assert interval(means) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)


def test_groups_that_repeat_one_another_widen_the_interval():
    values = np.repeat(np.random.default_rng(1).normal(0, 1, 50), 4)
    widths = []
    for groups in (range(200), np.arange(200) // 4):
        means = resample(groups).totals(values[:, None])[:, 0] / 200
        low, high = interval(means)
        widths.append(high - low)
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.2)


def test_what_does_not_vary_has_no_interval():
    assert all(map(math.isnan, interval(np.ones(100))))
    assert all(map(math.isnan, interval(np.full(100, np.nan))))
