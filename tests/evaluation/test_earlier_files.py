"""What earlier versions wrote is still read; the contents here are theirs, word for word."""

import json

from scratch_d2.data import get_dataset_dicts
from scratch_d2.data.split import SplitSettings
from scratch_d2.data.splits_file import read_saved_splits
from scratch_d2.evaluation.comparison import compare_runs
from scratch_d2.evaluation.files import read_evaluation
from scratch_d2.evaluation.images import ImageTable
from scratch_d2.evaluation.results_io import read_results
from scratch_d2.evaluation.table import format_evaluation
from scratch_d2.structures.run_record import RunRecord
from scratch_d2.structures.thresholds import Thresholds, read_thresholds

IMAGES = """\
{"image_id": 0, "file": "good/a.png", "group": "a", "bad": false, "area": 0.0, "p_bad": 0.1, \
"label": "good"}
{"image_id": 1, "file": "bad/b.png", "group": "b", "bad": true, "area": 240.5, "p_bad": 0.9, \
"label": "bad"}
"""
ABOUT = {"dataset": "labels_val", "data_sha256": "ab", "images": 2, "bad": 1, "groups": 2}
ABOUT |= {"max_detections": 100, "notes": ["a note"], "weights_sha256": "cd"}
JUDGED = {f"{judge}_{name}": 1.0 for judge in ("area", "gate", "both") for name in ("accuracy",)}
COUNTS = {"bad_as_bad": 1.0, "bad_as_good": 2.0, "good_as_good": 3.0, "good_as_bad": 4.0}
GATE = {"skipped": 0.5, "skipped_good": 1.0, "skipped_bad": 2.0, "recall_lost": None}
EVALUATION = {
    "about": ABOUT,
    "bbox": {"AP": 50.0},
    "segm": {"AP": 40.0},
    "image": JUDGED
    | {f"{judge}_{n}": v for judge in ("area", "gate", "both") for n, v in COUNTS.items()},
    "gate": {**GATE, "false_alarms_avoided": 3.0},
}


def test_an_earlier_table_of_images_is_read(tmp_path):
    (tmp_path / "images.jsonl").write_text(IMAGES)
    images = ImageTable.load(tmp_path)
    assert images.y_true.tolist() == [False, True] and images.area.tolist() == [0.0, 240.5]


def test_an_earlier_evaluation_is_read_and_shown(tmp_path):
    (tmp_path / "evaluation.json").write_text(json.dumps(EVALUATION))
    results, metadata = read_evaluation(tmp_path)
    assert metadata["weights_sha256"] == "cd" and metadata["notes"] == ["a note"]
    image = results["image"]
    assert [image[f"both_{n}"] for n in ("tp", "fn", "tn", "fp")] == [1, 2, 3, 4]
    gate = results["gate"]
    assert gate["below_threshold"] == 0.5 and gate["fp_avoided"] == 3
    assert (gate["good_below_threshold"], gate["bad_below_threshold"]) == (1, 2)
    assert "note: a note" in format_evaluation(tmp_path)
    table = " ".join(compare_runs([tmp_path]).split())
    assert "| below the gate threshold | 0.500 |" in table


SETTINGS = {"engine": "embedded", "device": "cpu", "precision": "float32", "weights": "gone.pth"}
SETTINGS |= {"gate_weights": "gone/gate.pth", "calibrated_on": "ab", "score": 0.4, "area": 100.0}
SETTINGS |= {"area_method": "contour", "area_unit": "pixel", "review_band": [], "gate_skip": 0.2}
ROW = {"status": "ok", "verdict": "good", "area": 0.0, "area_unit": "pixel", "p_bad": 0.1}
ROW |= {"scratches": 0, "reason": "the gate's p(Bad) of 0.100 is below 0.2", "width": 96}
ROW |= {"height": 64, "instances": []}


def test_an_earlier_prediction_run_is_read(labels, tmp_path):
    dicts = get_dataset_dicts("tests_labels")
    rows = [{"image_id": i, "file": d["file_name"], **ROW} for i, d in enumerate(dicts)]
    (tmp_path / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "settings.json").write_text(json.dumps(SETTINGS))
    results, record = read_results(tmp_path, dicts), RunRecord.read(tmp_path)
    assert len(results.predictions) == 10 and set(results.p_bad.values()) == {0.1}
    assert record.thresholds.gate_threshold == 0.2 and record.thresholds.score == 0.4


SPLITS = """{"version": 1,
"settings": {"seed": 5, "burst_gap": 30.0, "duplicate_distance": 12, "folds": 0},
"splits": {
"train": [
{"file": "good/a.png", "verdict": "good", "group": "a", "sha256": "ab", "phash": "0f"}
],
"val": [],
"test": [
{"file": "bad/b.png", "verdict": "bad", "group": "b", "sha256": "cd", "phash": "f0"}
]
}}
"""


def test_an_earlier_file_of_splits_is_read(tmp_path):
    (tmp_path / "splits.json").write_text(SPLITS)
    settings, rows = read_saved_splits(tmp_path / "splits.json")
    assert settings == SplitSettings(seed=5) and list(rows) == ["train", "val", "test"]
    assert rows["test"][0]["file"] == "bad/b.png"


def test_an_earlier_calibration_is_read(tmp_path):
    calibration = {"goal": "f1", "dataset": "labels_val", "data_sha256": "ab"}
    calibration |= {"figures": {"recall_bad": 0.9, "skipped": 0.7, "bad_as_bad": 9}}
    content = {"area": 210.0, "gate_skip": 0.6, "calibration": calibration}
    (tmp_path / "thresholds.json").write_text(json.dumps(content))
    thresholds, block = read_thresholds(tmp_path / "thresholds.json")
    assert thresholds == Thresholds(area=210.0, gate_threshold=0.6) and block == calibration
