from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scratch_d2.selection.candidates import Candidates
from scratch_d2.selection.choice import choose, most_doubtful
from tests.selection.runs import CLEAR, THRESHOLDS

RIGHT, UP = (1.0, 0.0), (0.0, 1.0)


def candidates(*pairs: tuple[float, float], unjudged: dict[int, str] | None = None) -> Candidates:
    """Candidates with area and p(Bad)."""
    area, p_bad = np.array(pairs).T
    why = [(unjudged or {}).get(index, "") for index in range(len(pairs))]
    files = [Path(f"{index}.png") for index in range(len(pairs))]
    return Candidates(files, ["good"] * len(pairs), area, p_bad, why)


def points(*pairs: tuple[float, float]) -> np.ndarray:
    return np.array(pairs, np.float32).reshape(-1, 2)


@pytest.mark.parametrize(
    ("area", "p_bad", "reason"),
    [
        (0.0, 0.88, "gate and detector disagree: suspicion 88%, scratch area 0 px, limit 500 px"),
        (600.0, 0.21, "near a threshold: suspicion 21%, threshold 20%"),
        (100.0, 0.89, "near a threshold: suspicion 89%, threshold 90%"),
        (480.0, 0.6, "near the area limit: scratch area 480 px, limit 500 px"),
        (90.0, 0.99, "gate and detector disagree: suspicion 99%, scratch area 90 px, limit 500 px"),
        (2000.0, 0.89, "unlike the photographs that have a label or were chosen before"),
        (*CLEAR, "unlike the photographs that have a label or were chosen before"),
    ],
)
def test_the_reason_says_what_is_doubtful(area, p_bad, reason):
    made = choose(candidates((area, p_bad)), points(RIGHT), points(), ["a"], THRESHOLDS, 1)
    assert [choice.reason for choice in made] == [reason]


def test_areas_are_named_in_their_unit():
    share = replace(THRESHOLDS, area=0.01, area_unit="fraction")
    made = choose(candidates((0.009, 0.5)), points(RIGHT), points(), ["a"], share, 1)
    assert made[0].reason == "near the area limit: scratch area 0.9%, limit 1% of the image"


def test_the_doubtful_come_before_the_clear_and_each_kind_once():
    near, odds = (500.0, 0.5), (0.0, 0.99)
    four = candidates(CLEAR, near, near, odds)
    seen = points(RIGHT, UP, UP, (-1.0, 0.0))
    made = choose(four, seen, points(RIGHT), list("abcd"), THRESHOLDS, 4)
    # The third looks like the second and the first like a labelled one: both would teach nothing.
    assert [choice.index for choice in made[:2]] == [3, 1]
    assert made[0].score > made[1].score > 0
    assert [choice.score for choice in made[2:]] == pytest.approx([0, 0], abs=1e-6)
    burst = choose(four, seen, points(RIGHT), list("abcb"), THRESHOLDS, 4)
    assert sorted(choice.index for choice in burst) in ([0, 2, 3], [0, 1, 2])


def test_what_cannot_be_judged_is_chosen_for_being_new():
    why = "cannot be judged: it is dark"
    two = candidates((500.0, 0.5), (500.0, 0.5), unjudged={0: why})
    made = choose(two, points(RIGHT, UP), points(), ["a", "b"], THRESHOLDS, 2)
    assert [(choice.index, choice.reason == why) for choice in made] == [(1, False), (0, True)]


def test_what_is_for_review_is_as_doubtful_as_can_be():
    both = candidates((500.0, 0.5), (800.0, 0.7))
    both.verdict[1] = "review"
    band = replace(THRESHOLDS, review_band=(400.0, 900.0))
    made = choose(both, points(RIGHT, RIGHT), points(), ["a", "b"], band, 1)
    assert [(choice.index, choice.score) for choice in made] == [(1, pytest.approx(2.0))]
    assert made[0].reason == "for review: suspicion 70%, scratch area 800 px, limit 400 px"


def test_the_pool_holds_the_most_doubtful_and_others_evenly():
    areas = [(500.0, 0.5) if index in (7, 3) else CLEAR for index in range(10)]
    assert most_doubtful(candidates(*areas), THRESHOLDS, 4).tolist() == [0, 3, 7, 9]
    assert most_doubtful(candidates(*areas), THRESHOLDS, 10).tolist() == list(range(10))
