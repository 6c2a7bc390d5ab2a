"""boxes.csv: boxes around scratches that nobody outlined become crowd annotations."""

import pytest

from scratch_d2.data import get_dataset_dicts, register_scratch_dataset
from scratch_d2.data.boxes_file import BOXES_FILE, write_boxes
from scratch_d2.data.catalog import find_dataset_dicts
from scratch_d2.data.records import scan_folder
from scratch_d2.evaluation import evaluate_predictions
from scratch_d2.structures.dataset_dict import has_unknown_scratches, scratches_of
from tests.builders import predict_boxes, predict_truth, write_dataset


@pytest.fixture
def folder(tmp_path):
    """Three Bad labels of 96 x 64 px: a mask, a mask and a box, two boxes and no mask."""
    root = write_dataset(tmp_path / "labels", good=2, bad=3)
    (root / "masks" / "bad2.png").unlink()
    both = [(1, 2, 10, 20), (50.5, 8, 99, 70)]
    write_boxes({"bad/bad1.png": [(60, 50, 70, 60)], "bad/bad2.png": both}, root)
    return root


def test_boxes_are_crowd_annotations_clipped_to_the_image(folder):
    dicts = {d["file_name"][-8:]: d for d in find_dataset_dicts(str(folder))}
    boxes = [(a["bbox"], a["iscrowd"]) for a in dicts["bad2.png"]["annotations"]]
    assert boxes == [([1, 2, 10, 20], 1), ([50.5, 8, 96, 64], 1)]
    assert [a["iscrowd"] for a in dicts["bad1.png"]["annotations"]] == [0, 1]
    unknown = {name for name, item in dicts.items() if has_unknown_scratches(item)}
    assert unknown == {"bad1.png", "bad2.png"}
    assert len(scratches_of(dicts["bad1.png"])) == 1
    assert scan_folder(folder)[1].bad_without_mask == []


def test_what_is_found_in_a_box_is_neither_right_nor_wrong(folder):
    register_scratch_dataset("tests_boxes", folder, replace=True)
    dicts = get_dataset_dicts("tests_boxes")
    predictions = predict_truth(dicts)
    unmarked = next(d for d in dicts if "bad2" in d["file_name"])
    predictions[unmarked["image_id"]] = predict_boxes(64, 96, {(52, 10, 90, 60): 0.95})
    results = evaluate_predictions("tests_boxes", predictions)
    assert results["segm"]["AP"] == 100
    assert results["pixel"]["images"] == 1  # bad1 has a scratch that nobody outlined
    assert results["image"]["area_recall_bad"] == pytest.approx(1 / 3)  # others are below 500 px


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("bad/none.png,1,2,3,4", "is no readable image in bad/"),
        ("good/good0.png,1,2,3,4", "is no readable image in bad/"),
        ("bad/bad0.png,1,2,3", "four numbers are expected"),
        ("bad/bad0.png,1,2,x,4", "four numbers are expected"),
        ("bad/bad0.png,1,2,nan,4", "finite numbers are expected"),
        ("bad/bad0.png,97,2,120,4", "holds nothing of its image of 96 x 64 pixels"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(folder, row, said):
    path = folder / BOXES_FILE
    path.write_text(f"file,x0,y0,x1,y1\n{row}\nbad/bad0.png,1,2,3,4\n")
    records, report = scan_folder(folder)
    assert [note for note in report.notes if f"{path}, line 2:" in note and said in note]
    assert {r.image.name: r.boxes for r in records}["bad0.png"] == ((1, 2, 3, 4),)


@pytest.mark.parametrize("text", ["", "file,x,y\n", "bad/bad0.png,1,2,3,4\n"])
def test_a_table_of_another_kind_is_refused(folder, text):
    (folder / BOXES_FILE).write_text(text)
    with pytest.raises(ValueError, match="boxes.csv.*accepted is a table with the columns file,x0"):
        scan_folder(folder)


def test_a_table_that_excel_wrote_is_read(folder):
    text = "\ufefffile;x0;y0;x1;y1\r\nbad/bad0.png;1;2;3;4\r\n"
    (folder / BOXES_FILE).write_text(text, "utf-8")
    records, _ = scan_folder(folder)
    assert {r.image.name: r.boxes for r in records}["bad0.png"] == ((1, 2, 3, 4),)
