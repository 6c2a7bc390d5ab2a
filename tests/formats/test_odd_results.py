"""Results that are odd: nothing leaves them under a false verdict or without its outlines."""

import json
import os

import numpy as np
import pytest

from scratch_d2.formats.exporting import export_labels
from scratch_d2.formats.importing import import_labels
from scratch_d2.formats.sources import read_predictions
from scratch_d2.structures.masks import encode_rle
from tests.builders import draw_label, rectangles, save

MASK = rectangles(64, 96, (20, 20, 50, 40))


@pytest.fixture
def results(tmp_path):
    """Results of the photographs a.png and b.png, both Bad with one scratch."""
    rows = []
    for name in ("a.png", "b.png"):
        file = save(draw_label(np.random.default_rng(0)), tmp_path / "photographs" / name)
        instance = {"score": 0.9, "segmentation": encode_rle(MASK)}
        rows.append({"file": str(file), "status": "ok", "verdict": "bad"})
        rows[-1] |= {"width": 96, "height": 64, "instances": [instance]}
    return write(tmp_path / "results", rows)


def write(folder, rows):
    folder.mkdir(exist_ok=True)
    (folder / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def rows_of(folder):
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("score", [-0.1, 1.5, float("nan"), float("inf")])
def test_a_score_that_no_detection_has_is_refused(results, tmp_path, score):
    with pytest.raises(ValueError, match="score is .*; accepted is a number in 0..1"):
        export_labels(read_predictions(results, score), tmp_path / "out", "coco")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"verdict": "Bad"}, "verdict is 'Bad'; accepted are good, bad and review"),
        (
            {"instances": [{"score": float("nan"), "segmentation": encode_rle(MASK)}]},
            "a score is nan; accepted is a number in 0..1",
        ),
        ({"file": __file__}, "not an image"),
        ({"file": "gone.png"}, "gone.png"),
    ],
)
def test_a_row_that_would_lose_its_labels_is_left_out_and_named(results, tmp_path, change, said):
    first, second = rows_of(results)
    report = export_labels(
        read_predictions(write(results, [first | change, second])), tmp_path / "out", "coco"
    )
    assert (report.images, report.scratches) == (1, 1)
    (sentence,) = report.left_out
    assert "results.jsonl, line 1: " in sentence and said in sentence


def test_a_photograph_that_was_replaced_does_not_get_the_outlines_of_another(results, tmp_path):
    save(np.zeros((40, 50, 3), np.uint8), tmp_path / "photographs/a.png")
    report = export_labels(read_predictions(results), tmp_path / "out", "coco")
    assert report.images == 1
    assert "a.png': the image is 50 x 40 pixels, its labels are of 96 x 64" in report.left_out[0]


@pytest.mark.parametrize("format", ["coco", "labelme", "cvat", "label-studio", "yolo"])
@pytest.mark.parametrize("name", [b"lat\xfcn.png", b"two\nlines.png", b"\x01.png"])
def test_names_that_a_format_cannot_hold_are_written_with_underscores(
    results, tmp_path, format, name
):
    first, second = rows_of(results)
    renamed = os.path.join(os.path.dirname(first["file"]), os.fsdecode(name))
    os.rename(first["file"], renamed)
    write(results, [first | {"file": renamed}, second])
    report = export_labels(read_predictions(results), tmp_path / "out", format)
    assert (report.images, report.left_out) == (2, [])
    report = import_labels(tmp_path / "out", tmp_path / "back", format, unlabelled="good")
    assert (report.bad, report.masks, report.good) == (2, 2, 0) or format == "label-studio"
