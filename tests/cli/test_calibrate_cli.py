"""scratch-d2 calibrate as a user calls it: what it writes, and that prediction goes by it."""

import json
import re
import shutil
from pathlib import Path

import pytest

from scratch_d2.structures.thresholds import Thresholds, read_thresholds
from scratch_d2.utils.files import file_sha256
from tests.cli.conftest import keys
from tests.commands import TINY, Done, run_command

ALL = "('scratch_text_all',)"


def pairs_of(work: Path) -> list[str]:
    """What the commands are told; at a score of 0 a model that learnt nothing finds scratches."""
    return [
        *(*keys(work / "labels", work), "DATASETS.TEST", ALL),
        *("SCRATCH.SCORE_THRESHOLD", "0.0", "TEST.DETECTIONS_PER_IMAGE", "3"),
        *("GATE.WEIGHTS", str(work / "gate/model_final.pth")),
    ]


@pytest.fixture(scope="module")
def work(tmp_path_factory, cli_labels, trained) -> Path:
    """A copy of the trained gate and detector with their labels, to write thresholds beside."""
    folder = tmp_path_factory.mktemp("calibrate")
    shutil.copytree(trained, folder, dirs_exist_ok=True)
    (folder / "labels").symlink_to(cli_labels)
    return folder


def calibrate(work: Path, *options: object, pairs: tuple[str, ...] = ()) -> Done:
    fixed = ("calibrate", "--config-file", TINY, "--engine", "embedded")
    return run_command(*fixed, *options, *pairs_of(work), *pairs)


@pytest.fixture(scope="module")
def calibrated(work) -> Path:
    """The folder of the detector, calibrated; what training wrote is compared."""
    detector = work / "detector"
    files = {path: path.read_bytes() for path in detector.rglob("*") if path.is_file()}
    done = calibrate(work, "--goal", "cost=10", "--review", "0.2")
    assert done.returncode == 0, done.stderr
    assert f"written: {detector / 'thresholds.json'}" in done.stdout
    assert "expected (95%)" in done.stdout and "seed" in done.stdout
    changed = {path.name for path, content in files.items() if path.read_bytes() != content}
    assert changed == {"thresholds.json"}
    return detector


def test_what_was_chosen_stands_beside_the_weights_with_its_origin(work, calibrated):
    thresholds, block = read_thresholds(calibrated / "thresholds.json")
    assert thresholds.score == 0 and thresholds.area not in (500, 500.5)
    evaluation = json.loads((calibrated / "calibration/inference/evaluation.json").read_text())
    metadata = evaluation["metadata"]
    assert (
        block["data_sha256"] == metadata["data_sha256"] and block["dataset"] == "scratch_text_all"
    )
    assert (block["goal"], block["images"], block["bad"]) == ("cost=10", 17, 8)
    assert block["weights_sha256"] == file_sha256(calibrated / "model_final.pth")
    assert block["gate_sha256"] == file_sha256(work / "gate/model_final.pth")


def test_prediction_goes_by_the_chosen_thresholds(work, calibrated, tmp_path):
    metrics = read_thresholds(calibrated / "thresholds.json")[1]["metrics"]
    options = ("--config-file", TINY, "--engine", "embedded", "--output", tmp_path)
    options += ("--input", work / "labels" / "bad", work / "labels" / "good")
    # After four iterations masks are even odds everywhere, decided either way by faster numbers.
    judge_all = "GATE.CHECK_IMAGES", "False"
    exact = (*pairs_of(work), "SCRATCH.PRECISION", "exact", *judge_all)
    predicted = run_command("predict", *options, *exact)
    assert predicted.returncode == 0 and "calibrated for" not in predicted.stderr
    verdicts = json.loads((tmp_path / "summary.json").read_text())["verdicts"]
    assert verdicts["good"] == metrics["fn"] + metrics["tn"]
    assert verdicts["review"] == metrics["bad_for_review"] + metrics["good_for_review"]
    without_gate = run_command("predict", *options, "--resume", *pairs_of(work)[:-2], *exact[-4:])
    assert without_gate.returncode == 2 and "gate_weights" in without_gate.stderr
    assert "calibrated for use with a gate, and GATE.WEIGHTS names none" in without_gate.stderr


def test_an_earlier_evaluation_will_do(work, calibrated, tmp_path):
    earlier = calibrated / "calibration" / "inference"
    options = ("--goal", "cost=10", "--review", "0.2", "--inference", earlier)
    assert calibrate(work, *options, "--output", tmp_path).returncode == 0
    here, beside = (read_thresholds(f / "thresholds.json") for f in (tmp_path, calibrated))
    assert here == beside and not (tmp_path / "calibration").exists()


def test_the_rule_of_the_former_system_is_measured_and_written(work, tmp_path):
    options = ("--goal", "seed", "--dataset", "scratch_text_val", "--output", tmp_path)
    assert calibrate(work, *options).returncode == 0
    thresholds, block = read_thresholds(tmp_path / "thresholds.json")
    assert thresholds == Thresholds(score=0.5, area=500.5, gate_threshold=0)
    assert block["metrics"] == block["expected"]


def test_where_nothing_is_found_nothing_is_written(work, calibrated, tmp_path):
    for name in ("evaluation.json", "images.jsonl"):
        text = (calibrated / "calibration" / "inference" / name).read_text()
        (tmp_path / name).write_text(
            re.sub(r'"area": [0-9.]+, "p_bad"', '"area": 0, "p_bad"', text)
        )
    done = calibrate(work, "--inference", tmp_path, "--output", tmp_path)
    assert done.returncode == 4
    assert "warning: no scratch was found on any image; the thresholds stay" in done.stdout
    assert not (tmp_path / "thresholds.json").exists()


@pytest.mark.parametrize(
    ("options", "pairs", "said"),
    [
        (["--dataset", "scratch_text_test"], (), "'scratch_text_test' is a test set"),
        (["--goal", "f2"], (), "goal 'f2' is unknown; accepted are f1, recall=R"),
        (["--dataset", "a", "--inference", "b"], (), "--dataset and --inference exclude each"),
        (["--inference", "nowhere"], (), "evaluation.json': no such file"),
        ([], ("DATASETS.TEST", "('a', 'b')"), "calibration takes one dataset, --dataset NAME"),
        ([], ("MODEL.WEIGHTS", "no/weights.pth"), "no/weights.pth"),
    ],
)
def test_what_is_no_calibration_is_refused(work, options, pairs, said):
    done = calibrate(work, *options, pairs=pairs)
    assert done.returncode == 2 and said in done.stderr
