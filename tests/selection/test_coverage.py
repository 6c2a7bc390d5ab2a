import numpy as np
import pytest

from scratch_d2.selection.coverage import distances_to, spread


def on_circle(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.c_[np.cos(angles), np.sin(angles)].astype(np.float32)


def chosen(points, weights, labelled=(), groups="abcdef", count=3) -> list[int]:
    distance = distances_to(points, on_circle(*labelled))
    return [index for index, _ in spread(points, np.array(weights), distance, list(groups), count)]


POINTS = on_circle(0, 10, 90, 105, 180, 265)


@pytest.mark.parametrize(
    ("weights", "labelled", "groups", "expected"),
    [
        ([1, 1, 1, 1, 1, 1], (), "abcdef", [0, 4, 2]),  # the first, its opposite, between them
        ([1, 1, 1, 1, 1, 1], (0,), "abcdef", [4, 2, 5]),
        ([1, 1, 1, 1, 1, 1], (0, 180), "abcdef", [2, 5, 3]),
        ([1, 1, 1, 1, 1, 1], (0,), "abccca", [4, 5, 1]),
        ([0.1, 1, 0.1, 0.1, 0.1, 0.1], (), "abcdef", [1, 4, 5]),  # the doubtful one first
    ],
)
def test_the_farthest_come_first(weights, labelled, groups, expected):
    assert chosen(POINTS, weights, labelled, groups) == expected


def test_no_two_of_a_group_and_no_more_than_there_are():
    assert chosen(POINTS, np.ones(6), (), "aabbbb", count=5) == [0, 4]


def test_distances_are_those_of_the_nearest_in_any_block():
    labelled = np.concatenate([np.tile(on_circle(180), (1500, 1)), on_circle(90)])
    expected = [np.sqrt(2), 2 * np.sin(np.radians(40)), 0, 2 * np.sin(np.radians(7.5))]
    assert distances_to(POINTS[:4], labelled) == pytest.approx(expected, abs=1e-3)
    assert distances_to(POINTS, POINTS[:0]).tolist() == [2.0] * 6
