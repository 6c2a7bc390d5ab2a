"""Images of the test set that were in training: found, counted, and the figures without them."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from scratch_d2.data import get_dataset_dicts, register_scratch_dataset
from scratch_d2.data.catalog import save_training_splits
from scratch_d2.data.duplicates import DISTANCE
from scratch_d2.data.split import data_hash, read_splits, write_splits
from scratch_d2.evaluation.evaluate import evaluate_dicts, evaluate_predictions
from scratch_d2.evaluation.leaks import find_leaks, training_images
from scratch_d2.evaluation.settings import EvaluationSettings
from scratch_d2.structures.thresholds import Thresholds
from tests.builders import draw_label, predict_boxes, predict_truth, save, write_dataset

IN_TRAINING = EvaluationSettings(Thresholds(area=100), train_datasets=("leak_train",))


@pytest.fixture
def sets(tmp_path):
    """A test set of 6 Good and 3 Bad, of which good0 was in training and bad0 came from there too,
    saved anew as JPEG."""
    train = write_dataset(tmp_path / "train", good=4, bad=4, seed=1)
    test = write_dataset(tmp_path / "test", good=5, bad=2, seed=2)
    shutil.copy(train / "good/good0.png", test / "good/copied.png")
    Image.open(train / "bad/bad0.png").save(test / "bad/again.jpg", quality=90)
    shutil.copy(train / "masks/bad0.png", test / "masks/again.png")
    for name, root in (("leak_train", train), ("leak_test", test)):
        register_scratch_dataset(name, root, replace=True)
    return train, test


def test_copies_and_near_duplicates_are_found(sets):
    dicts, training = get_dataset_dicts("leak_test"), get_dataset_dicts("leak_train")
    leaks = find_leaks(dicts, training, DISTANCE, gap=30)
    names = [d["file_name"].rsplit("/", 1)[1] for d in dicts]
    assert [n for n, out in zip(names, leaks.same_files) if out] == ["copied.png"]
    assert [n for n, out in zip(names, leaks.near_duplicates) if out] == ["again.jpg"]
    assert not leaks.same_bursts.any() and leaks.any_kind.sum() == 2
    assert find_leaks(dicts, training, -1, gap=30).any_kind.sum() == 1  # equal files alone
    assert not find_leaks(dicts, None, DISTANCE, gap=30).any_kind.any()


@pytest.mark.parametrize(("gap", "found"), [(30, [1, 2]), (20, []), (60, [0, 1, 2])])
def test_shots_of_a_burst_in_training_are_found_by_their_names(gap, found):
    def rows(*seconds):
        day = "03_08_2024_16"
        return [
            {"file_name": f"/x/{day}_{s // 60:02}_{s % 60:02}.5_cls.png", "sha256": f"{s}{key}"}
            | {"phash": "ff" * 32}
            for s, key in seconds
        ]

    test = rows((0, "a"), (65, "a"), (90, "a"), (200, "a"))  # the third by way of the second
    training = rows((40, "b"))
    leaks = find_leaks(test, training, -1, gap)
    assert np.flatnonzero(leaks.same_bursts).tolist() == found
    plain = [{"file_name": "/x/0001.png", "sha256": "c", "phash": "ff" * 32}]
    other = [{"file_name": "/y/0001.png", "sha256": "d", "phash": "00" * 32}]
    assert not find_leaks(plain, other, -1, gap).any_kind.any()


def test_the_figures_without_them_stand_beside(sets):
    dicts = get_dataset_dicts("leak_test")
    predictions = predict_truth(dicts)
    (leaked_bad,) = [d["image_id"] for d in dicts if d["file_name"].endswith(".jpg")]
    for item in dicts:  # only the leaked scratch is found
        if item["image_id"] != leaked_bad:
            predictions[item["image_id"]] = predict_boxes(64, 96, {})
    made = evaluate_dicts("leak_test", dicts, predictions, None, IN_TRAINING)
    leak = made.results["leak"]
    assert leak["training_images"] == 8 and leak["test_images"] == 2 and leak["same_files"] == 1
    assert made.results["image"]["area_recall_bad"] == pytest.approx(1 / 3)
    assert leak["area_recall_bad"] == 0.0 and leak["segm_AP"] == 0.0
    assert made.results["segm"]["AP"] > 30
    assert "2 of 9 images are, or show the label of," in made.metadata["notes"][0]


def test_the_record_overrides_the_datasets(sets, tmp_path):
    dicts = get_dataset_dicts("leak_test")
    rows = [{**d, "file": d["file_name"]} for d in dicts if d["verdict"] == "bad"]
    record = write_splits({"train": rows}, tmp_path / "splits.json", {})
    settings = replace(IN_TRAINING, detector_record=record)
    seen, told = training_images(settings)
    assert [row["sha256"] for row in seen] == [row["sha256"] for row in rows] and not told
    results = evaluate_predictions("leak_test", predict_truth(dicts), settings)
    assert results["leak"]["test_images"] == results["leak"]["same_files"] == 3


@pytest.mark.parametrize(
    ("train", "said"),
    [
        ((), "there is no splits.json beside the weights of the detector"),
        (("nowhere",), "dataset 'nowhere' is not registered"),
    ],
)
def test_what_cannot_be_checked_is_said(labels, train, said):
    seen, told = training_images(EvaluationSettings(train_datasets=train))
    assert seen is None and said in told[0] and "SCRATCH.TRAINED_ON may name" in told[0]


def test_a_gate_without_a_record_is_not_taken_for_clean(sets, tmp_path):
    seen, told = training_images(replace(IN_TRAINING, gate=tmp_path / "gate.pth"))
    assert len(seen) == 8 and "there is no splits.json beside the weights of the gate" in told[0]


def test_what_the_first_weights_have_seen_is_handed_down(sets, tmp_path):
    hashes = {n: {d["sha256"] for d in get_dataset_dicts(f"leak_{n}")} for n in ("train", "test")}

    def save(folder, dataset, weights="", resume=False):
        folder.mkdir(exist_ok=True)
        path = save_training_splits([f"leak_{dataset}"], [], folder, weights, resume)
        return {row["sha256"] for row in read_splits(path)["train"]}

    both = hashes["train"] | hashes["test"]
    assert save(tmp_path / "first", "train") == hashes["train"]
    assert save(tmp_path / "second", "test", str(tmp_path / "first" / "model.pth")) == both
    assert save(tmp_path / "second", "test", resume=True) == both  # the folder may have changed
    assert save(tmp_path / "second", "test") == hashes["test"]


def test_training_on_datasets_of_other_projects_is_not_taken_for_clean(labels, tmp_path):
    path = write_splits({"train": []}, tmp_path / "splits.json", {"left_out": ["coco_2017_train"]})
    seen, told = training_images(EvaluationSettings(detector_record=path))
    assert seen is None and "does not list those of coco_2017_train" in told[0]


def test_a_damaged_record_is_refused(labels, tmp_path):
    (tmp_path / "splits.json").write_text("[]")
    settings = EvaluationSettings(detector_record=tmp_path / "splits.json")
    with pytest.raises(ValueError, match=r"splits\.json: not a file of splits"):
        training_images(settings)
    write_splits({"test": []}, tmp_path / "splits.json", {})
    with pytest.raises(ValueError, match="a split named train is expected"):
        training_images(settings)


def test_the_thresholds_own_images_are_noticed(labels):
    dicts = get_dataset_dicts("tests_labels")
    for calibrated_on, noticed in (("another", False), (data_hash(dicts), True)):
        settings = EvaluationSettings(calibrated_on=calibrated_on)
        made = evaluate_dicts("tests_labels", dicts, predict_truth(dicts), None, settings)
        notes = " ".join(made.metadata["notes"])
        assert ("thresholds were chosen on these very images" in notes) == noticed


@pytest.mark.parametrize(("good", "bad"), [(3, 0), (0, 3)])
def test_one_class_only_is_explained(tmp_path, good, bad):
    root = write_dataset(tmp_path / "one", good=good, bad=bad)
    rng = np.random.default_rng(0)
    save(draw_label(rng), root / "elsewhere" / "x.png")
    register_scratch_dataset("one_class", root, replace=True)
    dicts = get_dataset_dicts("one_class")
    nothing = {d["image_id"]: predict_boxes(64, 96, {}) for d in dicts}
    made = evaluate_dicts("one_class", dicts, nothing, [0.5] * 3)
    assert np.isnan(made.results["image"]["both_AUC"])
    said = " ".join(made.metadata["notes"])
    assert ("there is no Bad image" in said) == (not bad)
    assert ("there is no Good image" in said) == (not good)
    assert "the detector found nothing on any image" in said
