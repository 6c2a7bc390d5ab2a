import numpy as np
import pytest

from scratch_d2.evaluation.gate_cost import gate_metrics
from scratch_d2.evaluation.images import ImageTable, families, judge_images
from scratch_d2.evaluation.slices import family_metrics
from scratch_d2.evaluation.timing import speed_metrics
from scratch_d2.structures.thresholds import Thresholds

THRESHOLDS = Thresholds(area=100, gate_threshold=0.2)


def table(bad, area, p_bad=None, names=None):
    files = names or [f"{i}.png" for i in range(len(bad))]
    p_bad = None if p_bad is None else np.array(p_bad, float)
    return ImageTable(
        list(range(len(bad))), files, files, np.array(bad, bool), np.array(area, float), p_bad
    )


def test_what_the_gate_costs_and_avoids():
    images = table([1, 1, 1, 0, 0, 0], [200, 200, 0, 300, 0, 0], [0.1, 0.9, 0.1, 0.1, 0.1, 0.9])
    gate = gate_metrics(images, judge_images(images, THRESHOLDS))
    assert gate == {
        "below_threshold": pytest.approx(4 / 6),
        "good_below_threshold": 2,
        "bad_below_threshold": 2,
        "recall_lost": pytest.approx(1 / 3),  # the third Bad one would have been missed anyway
        "fp_avoided": 1,
    }
    assert gate_metrics(table([1], [2]), judge_images(table([1], [2]), THRESHOLDS)) == {}


def test_time_saved_is_that_of_the_images_the_detector_need_not_see():
    images = table([0] * 4, [0] * 4, [0.1, 0.1, 0.1, 0.9])
    seconds = {"read": 0.4, "gate": 0.2, "detector": 4.0, "rule": 0.0}
    speed = speed_metrics(seconds, images, THRESHOLDS)
    assert speed["ms_detector"] == 1000 and speed["ms_without_gate"] == 1100
    assert speed["ms_inspect"] == pytest.approx(100 + 50 + 1000 / 4)
    assert speed["saved"] == pytest.approx(1 - 400 / 1100)
    assert speed_metrics({"rule": 0.4}, images, THRESHOLDS) == {"ms_rule": 100}


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("03_08_2024_16_54_38.244099_classifier_input.png", "#_classifier_input"),
        ("14_10_2024_13_06_34.669905_cls_input.png", "#_cls_input"),
        ("Code00973.png", "Code#"),
        ("plain.jpeg", "plain"),
    ],
)
def test_a_family_is_a_name_without_its_numbers(name, family):
    assert families([name] * 10) == [family] * 10
    assert families([f"/some/where7/{name}"] * 9) == ["others"] * 9


def test_each_family_has_its_figures():
    names = [f"Code{i}.png" for i in range(12)] + [f"{i}_cls.png" for i in range(10)]
    images = table([1] * 6 + [0] * 6 + [1] * 10, [200] * 12 + [0] * 5 + [200] * 5, names=names)
    figures = family_metrics(images, judge_images(images, THRESHOLDS))
    assert figures["Code#_images"] == 12 and figures["Code#_bad"] == 6
    assert figures["Code#_precision_bad"] == 0.5 and figures["Code#_recall_bad"] == 1
    assert figures["#_cls_recall_bad"] == 0.5 and np.isnan(figures["#_cls_AUC"])
    assert figures["#_cls_recall_bad_low"] < 0.5 < figures["#_cls_recall_bad_high"]
    one = table([1] * 12, [0] * 12, names=names[:12])
    assert family_metrics(one, judge_images(one, THRESHOLDS)) == {}


@pytest.mark.parametrize(
    ("column", "said"), [("area", "0.png: area is nan"), ("p_bad", "0.png: p_bad is nan")]
)
def test_a_score_that_is_no_number_is_named(column, said):
    values = {"area": [1.0], "p_bad": [0.5], column: [np.nan]}
    with pytest.raises(ValueError, match=said):
        table([1], **values)


def test_rows_come_back_as_they_were(tmp_path):
    images = table([1, 0], [200.5, 0.1 + 0.2], [0.3, 1 / 3])
    images.save(tmp_path, THRESHOLDS)
    again = ImageTable.load(tmp_path)
    assert again.file == images.file and again.area.tolist() == images.area.tolist()
    assert again.p_bad.tolist() == images.p_bad.tolist() and again.y_true.tolist() == [True, False]
    assert '"label": "bad"' in (tmp_path / "images.jsonl").read_text().splitlines()[0]
    (tmp_path / "images.jsonl").write_text('{"file": "x"}\n')
    with pytest.raises(ValueError, match="images.jsonl: not the images of an evaluation"):
        ImageTable.load(tmp_path)
