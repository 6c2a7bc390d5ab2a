import json
import math
from dataclasses import replace

import pytest

from scratch_d2.review.doubt import doubt_of
from scratch_d2.review.queue import read_queue
from tests.review.results import BESIDE, FAINT, SCRATCH, THRESHOLDS, make_row, write_rows

ONE = {SCRATCH: 0.9}  # 351 px, the limit is 300


@pytest.mark.parametrize(
    ("verdict", "p_bad", "boxes", "rank", "why"),
    [
        ("review", 0.5, {}, 0, "for review"),
        ("good", 0.19, {}, 1, "near the gate threshold"),
        ("good", 0.01, {}, 2, "clear"),
        ("good", 0.8, {}, 1, "gate and detector disagree"),
        ("bad", 0.3, ONE, 1, "gate and detector disagree"),
        ("bad", 0.99, {}, 1, "gate and detector disagree"),
        ("bad", 0.92, {SCRATCH: 0.9, BESIDE: 0.9}, 1, "near the upper gate threshold"),
        ("bad", 0.8, ONE, 1, "near the area threshold"),
        ("good", 0.4, {SCRATCH: 0.45}, 1, "near the score threshold"),
        ("good", 0.4, {FAINT: 0.45}, 2, "clear"),
        ("bad", 0.999, {SCRATCH: 0.9, BESIDE: 0.9}, 2, "clear"),
        ("bad", None, {SCRATCH: 0.99, (0, 0, 96, 64): 0.99}, 2, "clear"),
    ],
)
def test_why_a_verdict_is_doubtful(verdict, p_bad, boxes, rank, why):
    doubt = doubt_of(make_row(0, "a.png", verdict, p_bad, boxes), THRESHOLDS)
    assert (doubt.rank, doubt.why) == (rank, why)


@pytest.mark.parametrize(
    ("p_bad", "why"),
    [(0.5, "near the area threshold"), (0.8, "clear"), (0.25, "gate and detector disagree")],
)
def test_scaled_areas_are_doubtful_near_the_limit_at_their_score(p_bad, why):
    """The limit of the 351 px is 300 px at 0.5, 75 px at 0.8 and 900 px at 0.25."""
    scaled = replace(THRESHOLDS, area_scaling="odds", gate_threshold=0.0, gate_upper_threshold=None)
    verdict = "bad" if p_bad >= 0.5 else "good"
    row = make_row(0, "a.png", verdict, p_bad, {SCRATCH: 0.99})
    if p_bad == 0.25:
        scaled, row = replace(scaled, area=100.0), {**row, "verdict": "bad"}
    assert doubt_of(row, scaled).why == why


def test_the_score_threshold_counts_where_the_areas_add_up_to_the_limit():
    row = make_row(0, "a.png", "good", None, {BESIDE: 0.4, SCRATCH: 0.3})
    thresholds = replace(THRESHOLDS, area=400.0)  # 361 px alone are too few
    expected = math.log(0.7 / 0.3)
    assert doubt_of(row, thresholds).distance == pytest.approx(expected)
    fraction = replace(thresholds, area=400.0 / (64 * 96), area_unit="fraction")
    assert doubt_of(row, fraction).distance == pytest.approx(expected)
    millimetres = replace(thresholds, area=4.0, area_unit="mm2", pixels_per_mm=10.0)
    assert doubt_of(row, millimetres).distance == pytest.approx(expected)


def test_doubtful_ones_come_first_and_are_read_again_from_their_place(tmp_path):
    p_bads = (0.999, 0.91, 0.6, 0.95, 0.905)
    rows = [make_row(7 + i, f"ü{i}.png", "bad", p, {SCRATCH: 0.99}) for i, p in enumerate(p_bads)]
    rows[2]["verdict"] = "review"
    queue = read_queue(write_rows(tmp_path, rows))
    assert [item.image_id for item in queue.items] == [9, 11, 8, 10, 7]
    assert [queue.read_row(item)["image_id"] for item in queue.items] == [9, 11, 8, 10, 7]
    assert [item.image_id for item in read_queue(tmp_path, 2).items] == [9, 11]
    assert queue.place(10) == 3 and queue.place(0) is None
    write_rows(tmp_path, [{**row, "p_bad": 0.1} for row in rows])
    with pytest.raises(ValueError, match="results.jsonl has changed; start the review again"):
        queue.read_row(queue.items[0])


def test_a_row_that_is_being_written_is_left_out(tmp_path):
    write_rows(tmp_path, [make_row(0, "a.png"), make_row(1, "b.png")])
    file = tmp_path / "results.jsonl"
    file.write_bytes(file.read_bytes()[:-9])
    assert [item.image_id for item in read_queue(tmp_path).items] == [0]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"image_id": 0}, "a second row with image_id 0"),
        ({"image_id": "x"}, "line 2: not a row of results"),
        ({"instances": [{"score": 1}]}, "line 2: not a row of results"),
        ({"p_bad": 1.5}, "line 2: not a row of results .*p_bad 1.5; accepted is a number in 0..1"),
        ({"width": None}, "line 2: not a row of results"),
    ],
)
def test_a_row_that_is_none_is_named(tmp_path, changed, said):
    write_rows(tmp_path, [make_row(0, "a.png"), {**make_row(1, "b.png"), **changed}])
    with pytest.raises(ValueError, match=said):
        read_queue(tmp_path)


def test_a_folder_without_results_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no results.jsonl; name the output folder"):
        read_queue(tmp_path)
    error = {"image_id": 0, "file": "a.png", "status": "error", "error": "empty"}
    (tmp_path / "results.jsonl").write_text(json.dumps(error) + "\n")
    with pytest.raises(ValueError, match="no photograph in it could be inspected"):
        read_queue(tmp_path)
