"""Metrics by kind of defect."""

import numpy as np
import pytest

from scratch_d2.evaluation.images import judge_images, make_image_table
from scratch_d2.evaluation.slices import kind_metrics, kinds
from scratch_d2.evaluation.table import _format_kinds
from scratch_d2.structures.thresholds import Thresholds
from tests.builders import predict_boxes

THRESHOLDS = Thresholds(area=50, area_method="pixel")
BOX = (4, 4, 14, 14)


def make_dicts(names):
    """A 32 x 32 px dict for each kind, with a scratch at BOX unless the kind is ""."""
    x0, y0, x1, y1 = BOX
    annotation = {
        "bbox": list(BOX),
        "bbox_mode": 0,
        "category_id": 0,
        "segmentation": [[x0, y0, x1, y0, x1, y1, x0, y1]],
        "iscrowd": 0,
    }
    return [
        {
            "file_name": f"{index}.png",
            "image_id": index,
            "height": 32,
            "width": 32,
            "verdict": "bad" if name else "good",
            "kind": name,
            "group": f"part{index // 2}",
            "annotations": [annotation] if name else [],
        }
        for index, name in enumerate(names)
    ]


def measure(names, detected):
    dicts = make_dicts(names)
    found = {BOX: 0.9}
    predictions = {
        item["image_id"]: predict_boxes(32, 32, found if item["kind"] in detected else {})
        for item in dicts
    }
    images = make_image_table(dicts, predictions, None, THRESHOLDS)
    return kind_metrics(dicts, predictions, images, judge_images(images, THRESHOLDS), 10)


def test_each_kind_is_measured_against_all_good_images():
    metrics = measure([""] * 6 + ["crack"] * 12 + ["dent"] * 10, {"crack"})
    assert metrics["crack_images"] == 12 and metrics["crack_groups"] == 6
    assert metrics["crack_recall_bad"] == 1 and metrics["dent_recall_bad"] == 0
    assert metrics["crack_AP"] == pytest.approx(100) and metrics["dent_AP"] == 0
    assert metrics["crack_AUC"] == 1 and metrics["dent_AUC"] == 0.5


def test_finds_on_good_images_lower_the_ap_of_every_kind():
    metrics = measure([""] * 10 + ["crack"] * 10 + ["dent"] * 10, {"crack", ""})
    assert metrics["crack_AP50"] < 100 and metrics["crack_AUC"] == 0.5


def test_kinds_are_printed_as_rows():
    metrics = measure([""] * 6 + ["crack"] * 12 + ["dent"] * 10, {"crack"})
    rows = [line.split() for line in _format_kinds(metrics).splitlines()[1:]]
    crack = ["crack", "12", "6", "1.000", "0.610-1.000", "1.000", "100.0", "100.0"]
    dent = ["dent", "10", "5", "0.000", "0.000-0.434", "0.500", "0.0", "0.0"]
    assert rows == [crack, dent]


def test_one_kind_has_no_table_of_its_own():
    assert measure([""] * 4 + ["crack"] * 12, {"crack"}) == {}


def test_small_kinds_and_images_without_one_are_reported_together():
    names = ["crack"] * 10 + ["dent"] * 9 + ["", "", "crack"]
    y_true = np.array([True] * 20 + [False] * 2)
    assert kinds(names, y_true) == ["crack"] * 10 + ["others"] * 10 + ["", ""]
