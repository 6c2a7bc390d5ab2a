import json

import pytest

from scratch_d2.formats.review_file import Action, Review, read_reviews
from scratch_d2.review.log import ReviewLog


def act(log, row, decision=None, struck=()):
    log.add(Action(1, f"{row}.png", row, Review(decision, struck)))


def test_a_log_that_is_opened_again_says_the_same_and_takes_back_the_same(tmp_path):
    log = ReviewLog(tmp_path / "reviews.jsonl")
    act(log, "a", "good")
    act(log, "b", struck=(1,))
    act(log, "b", "bad", (1,))
    act(log, "a", "skip")
    assert log.undo().review == Review("good")
    again = ReviewLog(log.path)
    assert again.reviews == log.reviews == {"a": Review("good"), "b": Review("bad", (1,))}
    assert [again.undo().review for _ in range(3)] == [Review(None, (1,)), Review(), Review()]
    assert again.undo() is None and not again.can_undo
    assert read_reviews(log.path) == {"b": Review(), "a": Review()}
    assert len(log.path.read_text().splitlines()) == 8  # nothing is ever removed


@pytest.mark.parametrize("torn", ['{"image_id": 2, "fi', "{", '{"image_id": 2}'])
def test_a_torn_last_line_is_left_out_and_the_next_one_is_whole(tmp_path, torn):
    log = ReviewLog(tmp_path / "reviews.jsonl")
    act(log, "a", "good")
    log.path.write_text(log.path.read_text() + torn)
    assert read_reviews(log.path) == {"a": Review("good")}
    act(ReviewLog(log.path), "b", "bad")
    assert [json.loads(line)["row"] for line in log.path.read_text().splitlines()] == ["a", "b"]


@pytest.mark.parametrize(
    "changed", [{"decision": "goood"}, {"struck": [-1]}, {"struck": ["x"]}, {"struck": None}]
)
def test_a_line_that_is_no_review_is_named(tmp_path, changed):
    log = ReviewLog(tmp_path / "reviews.jsonl")
    act(log, "a", "good")
    line = {**json.loads(log.path.read_text()), **changed}
    log.path.write_text(log.path.read_text() + json.dumps(line) + "\n")
    with pytest.raises(ValueError, match=r"reviews.jsonl, line 2: not a review"):
        ReviewLog(log.path)


def test_an_action_that_cannot_be_saved_does_not_count(tmp_path):
    log = ReviewLog(tmp_path / "gone" / "reviews.jsonl")
    with pytest.raises(OSError, match="cannot be written: No such file"):
        act(log, "a", "good")
    assert log.reviews == {} and not log.can_undo
