"""Results of former runs: read, matched with the dataset, or refused with a reason."""

import json
import logging
import math
import shutil
from pathlib import Path

import pytest

from scratch_d2.calibration.source import read_source
from scratch_d2.config import load_config
from scratch_d2.data import get_dataset_dicts, register_scratch_dataset
from scratch_d2.data.coco import to_coco_results
from scratch_d2.evaluation.comparison import compare_runs
from scratch_d2.evaluation.evaluate import evaluate_predictions
from scratch_d2.evaluation.files import read_evaluation
from scratch_d2.evaluation.images import ImageTable
from scratch_d2.evaluation.offline import evaluate_results, offline_settings
from scratch_d2.evaluation.results_io import read_results
from scratch_d2.evaluation.settings import EvaluationSettings
from scratch_d2.structures.labels import UNJUDGED
from scratch_d2.structures.run_record import RunRecord
from scratch_d2.structures.thresholds import Thresholds
from tests.builders import predict_boxes, predict_truth, write_dataset

SETTINGS = {"score": 0.5, "area": 100.0, "area_method": "contour", "area_unit": "pixel"}
SETTINGS |= {"review_band": [], "gate_threshold": 0.2, "weights": "gone.pth"}


@pytest.fixture
def dicts(labels):
    return get_dataset_dicts("tests_labels")


@pytest.fixture
def entries(dicts):
    return [r for i, p in predict_truth(dicts).items() for r in to_coco_results(i, p)]


def write(path, content):
    path.write_text(json.dumps(content))
    return path


def write_rows(folder, dicts, scores=None):
    """What scratch-d2 predict writes of perfect predictions."""
    folder.mkdir(exist_ok=True)
    write(folder / "settings.json", SETTINGS)
    found, lines = predict_truth(dicts), []
    for number, item in enumerate(dicts):
        rows = to_coco_results(number, found[item["image_id"]])
        row = {"image_id": number, "file": item["file_name"], "status": "ok", "instances": rows}
        lines.append(json.dumps({**row, "p_bad": scores[number] if scores else None}))
    (folder / "results.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def settings_of(folder, *opts):
    return offline_settings(load_config(None, opts), RunRecord.read(folder), opts)


def test_coco_results_give_the_figures_of_the_run_itself(dicts, entries, tmp_path):
    settings = EvaluationSettings(Thresholds(area=100))
    file = write(tmp_path / "results.json", entries[::-1])
    evaluate_results("tests_labels", file, tmp_path / "saved", settings)
    evaluate_predictions("tests_labels", predict_truth(dicts), settings, tmp_path / "direct")
    (saved, metadata), (direct, _) = (read_evaluation(tmp_path / n) for n in ("saved", "direct"))
    saved.pop("speed"), direct.pop("speed")
    assert saved.keys() == direct.keys()
    for task, figures in direct.items():
        assert saved[task] == pytest.approx(figures, nan_ok=True)
    assert metadata["images"] == 10 and metadata["bad"] == 4


def test_areas_are_scaled_by_the_scores_that_results_hold(dicts, entries, tmp_path, caplog):
    scores = [0.9] * 10
    opts = ("SCRATCH.AREA_SCALING", "odds", "SCRATCH.AREA_UNIT", "pixel")
    opts += ("SCRATCH.AREA_THRESHOLD", "1500")  # the scratches are of 203 px
    run = write_rows(tmp_path / "run", dicts, scores)
    for scaling, found in (("odds", 0), ("none", 4)):
        settings = settings_of(run, opts[0], scaling, *opts[2:])
        made = evaluate_results("tests_labels", run, tmp_path / scaling, settings)
        assert made.results["image"]["both_fn"] == found
    assert settings.thresholds.area == 1500 and not caplog.text
    plain = write(tmp_path / "results.json", entries)
    odds = EvaluationSettings(Thresholds(area=100, area_scaling="odds"))
    with pytest.raises(ValueError, match="SCRATCH.AREA_SCALING odds"):
        evaluate_results("tests_labels", plain, tmp_path / "saved", odds)


def test_in_training_without_a_gate_areas_are_not_scaled(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("scratch_d2"), "propagate", True)
    opts = ["SCRATCH.AREA_SCALING", "odds"]
    assert EvaluationSettings.in_training(load_config(None, opts)).thresholds.area_scaling == "none"
    assert "SCRATCH.AREA_SCALING odds needs a gate" in caplog.text
    opts += ["GATE.WEIGHTS", "gate.pth"]
    assert EvaluationSettings.in_training(load_config(None, opts)).thresholds.area_scaling == "odds"


def test_the_folder_of_predict_is_matched_by_file_and_brings_its_thresholds(dicts, tmp_path):
    scores = [0.1] * 6 + [0.9] * 4  # the gate lets the Good pass
    folder = write_rows(tmp_path / "run", dicts[::-1], scores[::-1])
    made = evaluate_results("tests_labels", folder, tmp_path / "out", settings_of(folder))
    assert made.results["image"]["both_F1_bad"] == 1.0 and made.thresholds.gate_threshold == 0.2
    opts = ["GATE.THRESHOLD", "0.95"]
    made = evaluate_results("tests_labels", folder, tmp_path / "o2", settings_of(folder, *opts))
    assert made.results["image"]["both_recall_bad"] == 0.0


def test_what_the_gate_hid_from_the_detector_is_not_judged(dicts, tmp_path, monkeypatch):
    plotted = []
    monkeypatch.setattr("scratch_d2.evaluation.files.write_plots", lambda *a: plotted.append(a[2]))
    folder = write_rows(tmp_path / "run", dicts, [0.1] * 7 + [0.9] * 3)
    made = evaluate_results("tests_labels", folder, tmp_path / "out", settings_of(folder))
    gate = made.results["gate"]
    assert gate["good_below_threshold"] == 6 and gate["bad_below_threshold"] == 1
    assert math.isnan(gate["recall_lost"])
    assert not any(name.startswith("area_") for name in made.results["image"])
    assert set(plotted[0]) == {"gate", "both"}
    assert "has not seen the images with p(Bad) below 0.2" in made.metadata["notes"][0]
    source = read_source(tmp_path / "out")
    assert source.lowest_gate == 0.2 and source.images.p_bad.tolist() == [0.0] * 7 + [0.9] * 3
    assert "a lower gate threshold was not tried" in source.notes[-1]
    opts = ["GATE.THRESHOLD", "0.05"]
    with pytest.raises(ValueError, match="GATE.THRESHOLD is 0.05, but the detector has not seen"):
        evaluate_results("tests_labels", folder, tmp_path / "o3", settings_of(folder, *opts))


def test_results_that_would_be_matched_wrongly_are_refused(dicts, entries, tmp_path):
    folder = write_rows(tmp_path / "run", dicts)
    by_row = write(folder / "coco_instances_results.json", entries)
    with pytest.raises(ValueError, match="numbers images by its rows; name its folder"):
        read_results(by_row, dicts)
    rows = (folder / "results.jsonl").read_text()
    (folder / "results.jsonl").write_text(rows + rows.splitlines()[0] + "\n")
    with pytest.raises(ValueError, match="line 11: a second row of .*good0.png"):
        read_results(folder, dicts)
    others = [{**entry, "image_id": str(entry["image_id"])} for entry in entries]
    with pytest.raises(ValueError, match="none of its entries .* image_id is '6' in the first, 0"):
        read_results(write(tmp_path / "r.json", others), dicts)
    with pytest.raises(ValueError, match="holds the results; choose another folder"):
        evaluate_results("tests_labels", folder, folder)


@pytest.mark.parametrize("mask", [None, "abc", [], [[1, 2]], {"size": [64, 96], "counts": None}])
def test_what_is_no_mask_is_named(dicts, entries, tmp_path, mask):
    file = write(tmp_path / "r.json", [{**entries[0], "segmentation": mask}, *entries[1:]])
    with pytest.raises(ValueError, match="r.json, image_id 6: "):
        read_results(file, dicts)


def test_unknown_images_are_left_out_and_missing_ones_named(dicts, entries, tmp_path):
    file = write(tmp_path / "r.json", [*entries, {**entries[0], "image_id": 99}])
    saved = read_results(file, dicts)
    assert len(saved.predictions) == 10 and "1 image that the dataset" in saved.notes[0]
    folder = write_rows(tmp_path / "run", dicts[:-1])
    with pytest.raises(ValueError, match="1 of 10 images have no result.*bad3.png.*allow-missing"):
        evaluate_results("tests_labels", folder, tmp_path / "out")
    made = evaluate_results("tests_labels", folder, tmp_path / "out", allow_missing=True)
    assert (
        made.metadata["images"] == 9
        and "1 of 10 images have no result" in made.metadata["notes"][0]
    )
    assert len(ImageTable.load(tmp_path / "out")) == 9


@pytest.mark.parametrize(("precision", "told"), [("bfloat16", True), ("float32", False)])
def test_a_run_in_bfloat16_is_told(dicts, tmp_path, precision, told):
    run = write_rows(tmp_path / "run", dicts)
    write(run / "settings.json", {**SETTINGS, "precision": precision})
    made = evaluate_results("tests_labels", run, tmp_path / "out", settings_of(run))
    assert any("computed in bfloat16" in note for note in made.metadata["notes"]) == told


def test_images_that_could_not_be_judged_are_told(dicts, tmp_path):
    folder = write_rows(tmp_path / "run", dicts, [0.5] * len(dicts))
    rows = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    rows[0]["reason"] = f"{UNJUDGED}, it is dark"
    (folder / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (note,) = read_results(folder, dicts).notes
    assert note.startswith("1 image could not be judged") and rows[0]["file"] in note


def test_relative_names_hold_where_they_were_written(dicts, labels, tmp_path, monkeypatch):
    monkeypatch.chdir(labels)
    near = [{**d, "file_name": str(Path(d["file_name"]).relative_to(labels))} for d in dicts]
    folder = write_rows(tmp_path / "run", near)
    assert len(read_results(folder, dicts).predictions) == 10
    monkeypatch.chdir(tmp_path)
    assert read_results(folder, dicts).notes[0].startswith("10 results were matched by the end of")


def test_results_on_other_photographs_are_refused(dicts, tmp_path):
    others = [{**d, "file_name": f"/elsewhere/{i}.png"} for i, d in enumerate(dicts)]
    folder = write_rows(tmp_path / "run", others)
    with pytest.raises(ValueError, match="none of its images is in the dataset; the first is '/el"):
        read_results(folder, dicts)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"score": math.nan}, "r.json, image_id 6, score: nan; accepted is a number in 0..1"),
        ({"score": 1.2}, "score: 1.2; accepted"),
        ({"score": "high"}, "score: 'high'; accepted"),
        ({"bbox": [0, 0, math.inf, 3]}, "image_id 6: boxes must be finite"),
        ({"bbox": [0, 0, 3]}, "image_id 6: "),
        ({"segmentation": {"size": [3, 3], "counts": "13"}}, "image_id 6: .*: the mask is"),
        ({"category_id": 2}, "categories 1, 2; those of one, scratch"),
    ],
)
def test_what_cannot_be_used_is_named(dicts, entries, tmp_path, change, said):
    file = write(tmp_path / "r.json", [{**entries[0], **change}, *entries[1:]])
    with pytest.raises(ValueError, match=said):
        read_results(file, dicts)


@pytest.mark.parametrize("content", ["no json", '{"a": 1}', "[1]"])
def test_what_is_no_results_file_is_named(dicts, tmp_path, content):
    (tmp_path / "r.json").write_text(content)
    with pytest.raises(ValueError, match="r.json: not "):
        read_results(tmp_path / "r.json", dicts)
    with pytest.raises(FileNotFoundError, match="accepted are the output folder"):
        read_results(tmp_path / "none.json", dicts)


def test_masks_are_needed(dicts, entries, tmp_path):
    entries[0].pop("segmentation")
    with pytest.raises(ValueError, match="a result lacks 'segmentation'"):
        read_results(write(tmp_path / "r.json", entries), dicts)


def test_runs_stand_side_by_side(dicts, tmp_path):
    settings = EvaluationSettings(Thresholds(area=100))
    predictions = predict_truth(dicts)
    evaluate_predictions("tests_labels", predictions, settings, tmp_path / "a" / "inference")
    worse = {**predictions, 9: predict_boxes(64, 96, {})}
    evaluate_predictions("tests_labels", worse, settings, tmp_path / "b")
    table = " ".join(compare_runs([tmp_path / "a", tmp_path / "b"]).split())
    assert "| recall (Bad) | 1.000 0.510-1.000 | 0.750" in table and "| a | b |" in table
    assert "not evaluated on the same" not in table
    register_scratch_dataset("tests_others", write_dataset(tmp_path / "o", seed=5), replace=True)
    others = predict_truth(get_dataset_dicts("tests_others"))
    evaluate_predictions("tests_others", others, settings, tmp_path / "c")
    table = compare_runs([tmp_path / "a", tmp_path / "c"])
    assert "not evaluated on the same images and masks (a: tests_labels, c: tests_others)" in table
    shutil.copy(tmp_path / "a/inference/images.jsonl", tmp_path / "c" / "evaluation.json")
    with pytest.raises(ValueError, match="c/evaluation.json: not an evaluation"):
        compare_runs([tmp_path / "c"])


def test_a_mask_that_does_not_fill_its_image_is_named_with_its_entry(dicts, entries, tmp_path):
    height, width = dicts[6]["height"], dicts[6]["width"]
    entries[0] = {**entries[0], "segmentation": {"size": [height, width], "counts": [5, 7]}}
    file = write(tmp_path / "results.json", entries)
    where = r"results.json, image_id 6: the result of score 0.9 at bbox \[.*\]: the runs of the"
    with pytest.raises(ValueError, match=f"{where} mask add up to 12; .* = {height * width}"):
        read_results(file, dicts)
