import json

import numpy as np
import pytest

from scratch_d2.data.mask_files import read_mask
from scratch_d2.formats.importing import import_labels
from scratch_d2.formats.review_file import Action, Review, row_key
from scratch_d2.formats.table import pick_reader
from tests.builders import rectangles
from tests.review.results import BESIDE, SCRATCH, write_results

ANSWERS = {0: ("good", ()), 2: ("bad", ()), 3: ("bad", (1,)), 4: ("bad", (0, 1)), 5: ("skip", ())}


def answer(results, answers):
    """Write reviews.jsonl as the page does; the last answer of a photograph counts."""
    rows = [json.loads(line) for line in open(results / "results.jsonl")]
    lines = []
    for image_id, (decision, struck) in answers.items():
        file, key = rows[image_id]["file"], row_key(rows[image_id])
        for review in (Review("good"), Review(decision, struck)):
            lines.append(Action(image_id, file, key, review).to_line())
    (results / "reviews.jsonl").write_text("".join(lines))
    return results


def test_answers_become_a_training_folder(tmp_path):
    results = answer(write_results(tmp_path), ANSWERS)
    report = import_labels(results, tmp_path / "labels", "review")
    assert report.is_complete and (report.good, report.bad, report.masks) == (1, 3, 2)
    names = {f"{f.parent.name}/{f.name}" for f in (tmp_path / "labels").glob("*/*.png")}
    bad = {f"{folder}/label {i}.png" for folder in ("bad", "masks") for i in (2, 3)}
    assert names == {"good/label 0.png", "bad/label 4.png", *bad}
    for image_id, boxes in ((2, (SCRATCH, BESIDE)), (3, (SCRATCH,))):
        mask = read_mask(tmp_path / f"labels/masks/label {image_id}.png")
        assert np.array_equal(mask, rectangles(64, 96, *boxes))
    source = tmp_path / "photographs/label 0.png"
    assert (tmp_path / "labels/good/label 0.png").read_bytes() == source.read_bytes()


def test_answers_about_other_results_and_lost_photographs_are_named(tmp_path):
    results = answer(write_results(tmp_path), ANSWERS)
    rows = (results / "results.jsonl").read_text()
    (results / "results.jsonl").write_text(rows.replace('"p_bad": 0.91,', '"p_bad": 0.92,'))
    (tmp_path / "photographs/label 3.png").unlink()
    report = import_labels(results, tmp_path / "labels", "review")
    assert (report.good, report.bad) == (1, 1)
    assert "reviews.jsonl: 1 answer is about other results than" in report.dropped[0]
    assert "label 3.png" in report.left_out[0] and len(report.left_out) == 1


def test_results_that_nobody_reviewed_are_refused(tmp_path):
    results = write_results(tmp_path)
    with pytest.raises(FileNotFoundError, match="holds no reviews.jsonl; accepted is a results"):
        import_labels(results, tmp_path / "labels", "review")
    assert pick_reader("auto", answer(results, ANSWERS)).__name__ == "read_review"
