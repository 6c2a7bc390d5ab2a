import json
import math

import pytest
import torch
from PIL import Image

from scratch_d2.data import get_dataset_dicts, register_scratch_dataset
from scratch_d2.evaluation import evaluate_predictions
from scratch_d2.evaluation.images import judge_images, make_image_table
from scratch_d2.evaluation.settings import EvaluationSettings
from scratch_d2.evaluation.table import format_results
from scratch_d2.metrics.coco_ap import average_precision
from scratch_d2.structures.dataset_dict import has_unknown_scratches
from scratch_d2.structures.prediction import Prediction
from scratch_d2.structures.thresholds import Thresholds
from tests.builders import predict_boxes, predict_truth, write_dataset
from tests.gate.gates import save_gate


def test_perfect_predictions_reach_every_maximum(labels, tmp_path):
    settings = EvaluationSettings(Thresholds(area=100))
    predictions = predict_truth(get_dataset_dicts("tests_labels"))
    results = evaluate_predictions("tests_labels", predictions, settings, tmp_path)
    assert results["segm"]["AP"] == results["bbox"]["AP50"] == pytest.approx(100)
    image = results["image"]
    assert image["area_F1_bad"] == image["area_F1_good"] == image["area_AUC"] == 1.0
    assert image["area_tn"] == 6 and image["area_tp"] == 4
    written = json.loads((tmp_path / "evaluation.json").read_text())
    assert written["image"]["area_accuracy"] == 1.0 and written["segm"]["APl"] is None
    assert len(json.loads((tmp_path / "coco_instances_results.json").read_text())) == 4
    for name in ("roc.png", "precision_recall.png", "confusion.png"):
        assert Image.open(tmp_path / name).size > (300, 300)


@pytest.mark.parametrize("check_images", [True, False])
def test_images_that_predict_would_not_judge_are_counted(labels, tmp_path, check_images):
    gate = save_gate(tmp_path / "gate.pth")
    # No label is as bright, so none can be judged.
    limits = {"low": {"paper": 256.0}, "high": {}}
    info = {**gate.info, "image_check": limits, "model": "resnet10t"}
    info["preprocessing"] = gate.preprocessing.to_dict()
    torch.save({"model": gate.model.state_dict(), "gate": info}, tmp_path / "gate.pth")
    settings = EvaluationSettings(gate=tmp_path / "gate.pth", check_images=check_images)
    predictions = predict_truth(get_dataset_dicts("tests_labels"))
    evaluate_predictions("tests_labels", predictions, settings, tmp_path / "out")
    notes = json.loads((tmp_path / "out" / "evaluation.json").read_text())["metadata"]["notes"]
    said = [note for note in notes if "would go to review" in note]
    assert said == (
        [
            "10 images, 6 of them Good, would go to review, because predict cannot judge them; "
            "here gate and area rule judge them"
        ]
        if check_images
        else []
    )


def test_finding_nothing_scores_zero_not_nothing(labels):
    dicts = get_dataset_dicts("tests_labels")
    empty = {d["image_id"]: Prediction.empty(d["height"], d["width"]) for d in dicts}
    results = evaluate_predictions("tests_labels", empty)
    assert results["segm"]["AP"] == results["bbox"]["AP"] == 0.0
    assert results["image"]["area_recall_bad"] == 0.0 and results["image"]["area_AUC"] == 0.5


def test_a_scratch_on_a_good_image_costs_precision(labels):
    dicts = get_dataset_dicts("tests_labels")
    predictions = predict_truth(dicts, score=0.8)
    predictions[0] = predict_boxes(64, 96, {(0, 0, 20, 20): 0.95})
    ap = average_precision(dicts, predictions)
    assert ap["segm"]["AP"] == pytest.approx(80, abs=1)  # one false positive ranks first: 4 of 5
    assert math.isnan(ap["segm"]["APl"])


def test_nobody_is_punished_for_scratches_nobody_marked(tmp_path):
    (write_dataset(tmp_path, good=2, bad=3) / "masks" / "bad1.png").unlink()
    register_scratch_dataset("tests_unmarked", tmp_path, replace=True)
    dicts = get_dataset_dicts("tests_unmarked")
    predictions = predict_truth(dicts)
    (unknown,) = [item["image_id"] for item in dicts if has_unknown_scratches(item)]
    predictions[unknown] = predict_boxes(64, 96, {(3, 3, 40, 20): 0.99})
    assert average_precision(dicts, predictions)["segm"]["AP"] == pytest.approx(100)


def test_a_missing_prediction_is_named(labels):
    with pytest.raises(ValueError, match="10 of 10 images have no prediction.*good0.png"):
        evaluate_predictions("tests_labels", {})


def test_gate_and_area_rule_are_judged_apart_and_together():
    dicts = [{"image_id": i, "file_name": f"{i}.png"} for i in range(4)]
    found = enumerate([0.9, 0.9, 0.9, 0.2])
    predictions = {i: predict_boxes(50, 50, {(0, 0, 31, 21): score}) for i, score in found}
    thresholds = Thresholds(gate_threshold=0.05)
    judged = judge_images(
        make_image_table(dicts, predictions, [0.9, 0.01, 0.05, 0.9], thresholds), thresholds
    )
    assert judged["area"][0].tolist() == [True, True, True, False]
    assert judged["gate"][0].tolist() == [True, False, True, True]
    assert judged["both"][0].tolist() == [True, False, True, False]
    # The smaller of area / 500 and p(Bad) / 0.05.
    assert judged["both"][1].tolist() == pytest.approx([1.2, 0.2, 1.0, 0.0], abs=1e-6)
    assert list(
        judge_images(make_image_table(dicts, predictions, None, thresholds), thresholds)
    ) == ["area"]


def test_the_table_shows_every_judge(labels):
    dicts = get_dataset_dicts("tests_labels")
    results = evaluate_predictions("tests_labels", predict_truth(dicts))
    table = format_results(results)
    assert "masks" in table and "area rule" in table and "gate" not in table
    (line,) = [line for line in table.splitlines() if line.startswith("fn")]
    assert line.split()[1] == "4"  # 240 px are below the default limit of 500
