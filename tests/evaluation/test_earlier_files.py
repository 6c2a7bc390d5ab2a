"""What earlier versions wrote is still read; the contents here are theirs, word for word."""

import json

from scratch_d2.evaluation.comparison import compare_runs
from scratch_d2.evaluation.files import read_evaluation
from scratch_d2.evaluation.images import ImageTable
from scratch_d2.evaluation.table import format_evaluation

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
