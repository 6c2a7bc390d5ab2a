"""tools/calibrate.py as a user calls it: what it writes, and that prediction goes by it."""

import json
import re
import runpy
import sys
from pathlib import Path

import pytest

from scratch_d2.data.builtin import register_builtin
from scratch_d2.structures.thresholds import Thresholds, read_thresholds
from scratch_d2.utils.files import file_sha256
from tests.builders import write_dataset
from tests.cli.test_tools import ROOT, TINY, call

ALL = "('scratch_text_all',)"


def keys(work: Path) -> list[str]:
    """What the tools are told; at a score of 0 a model that learnt nothing finds scratches."""
    return [
        *("SCRATCH.DATA_ROOT", str(work / "labels"), "OUTPUT_DIR", str(work / "detector")),
        *("DATASETS.TRAIN", "('scratch_text_train',)", "DATASETS.TEST", ALL),
        *("SCRATCH.SCORE_THRESHOLD", "0.0", "TEST.DETECTIONS_PER_IMAGE", "3"),
        *(
            "GATE.OUTPUT_DIR",
            str(work / "gate"),
            "GATE.WEIGHTS",
            str(work / "gate/model_final.pth"),
        ),
    ]


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    """A folder with labels, and a gate and a detector trained on them."""
    folder = tmp_path_factory.mktemp("calibrate")
    write_dataset(folder / "labels", good=9, bad=8)
    for tool, options in (("train_gate.py", ()), ("train_net.py", ("--engine", "embedded"))):
        pairs = [*keys(folder)[:-2], "DATASETS.TEST", "()"]
        trained = call(tool, "--config-file", TINY, *options, *pairs)
        assert trained.returncode == 0, trained.stderr
    return folder


def arguments(work: Path, *options: object, pairs: tuple[str, ...] = ()) -> list[str]:
    start = ("calibrate.py", "--config-file", TINY, "--engine", "embedded")
    return [str(argument) for argument in (*start, *options, *keys(work), *pairs)]


@pytest.fixture
def calibrate_here(monkeypatch, capsys):
    """Run the tool in this process, which spares the imports: exit code, stdout, stderr."""

    def calibrate(*given: object, **pairs: tuple[str, ...]) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", arguments(*given, **pairs))
        with pytest.raises(SystemExit) as exited:
            runpy.run_path(str(ROOT / "tools" / "calibrate.py"), run_name="__main__")
        return exited.value.code, *capsys.readouterr()

    yield calibrate
    register_builtin()


@pytest.fixture(scope="module")
def calibrated(work) -> Path:
    """The folder of the detector, calibrated; what training wrote is compared."""
    detector = work / "detector"
    files = {path: path.read_bytes() for path in detector.rglob("*") if path.is_file()}
    done = call(*arguments(work, "--goal", "cost=10", "--review", "0.2"))
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
    exact = (*keys(work), "SCRATCH.PRECISION", "exact")
    predicted = call("predict.py", *options, *exact)
    assert predicted.returncode == 0 and "calibrated for" not in predicted.stderr
    verdicts = json.loads((tmp_path / "summary.json").read_text())["verdicts"]
    assert verdicts["good"] == metrics["fn"] + metrics["tn"]
    assert verdicts["review"] == metrics["bad_for_review"] + metrics["good_for_review"]
    without_gate = call("predict.py", *options, "--resume", *keys(work)[:-2], *exact[-2:])
    assert without_gate.returncode == 2 and "gate_weights" in without_gate.stderr
    assert "calibrated for use with a gate, and GATE.WEIGHTS names none" in without_gate.stderr


def test_an_earlier_evaluation_will_do(work, calibrated, calibrate_here, tmp_path):
    earlier = calibrated / "calibration" / "inference"
    options = ("--goal", "cost=10", "--review", "0.2", "--inference", earlier)
    assert calibrate_here(work, *options, "--output", tmp_path)[0] == 0
    here, beside = (read_thresholds(f / "thresholds.json") for f in (tmp_path, calibrated))
    assert here == beside and not (tmp_path / "calibration").exists()


def test_the_rule_of_the_former_system_is_measured_and_written(work, calibrate_here, tmp_path):
    options = ("--goal", "seed", "--dataset", "scratch_text_val", "--output", tmp_path)
    assert calibrate_here(work, *options)[0] == 0
    thresholds, block = read_thresholds(tmp_path / "thresholds.json")
    assert thresholds == Thresholds(score=0.5, area=500.5, gate_threshold=0)
    assert block["metrics"] == block["expected"]


def test_where_nothing_is_found_nothing_is_written(work, calibrated, calibrate_here, tmp_path):
    for name in ("evaluation.json", "images.jsonl"):
        text = (calibrated / "calibration" / "inference" / name).read_text()
        (tmp_path / name).write_text(
            re.sub(r'"area": [0-9.]+, "p_bad"', '"area": 0, "p_bad"', text)
        )
    code, out, _ = calibrate_here(work, "--inference", tmp_path, "--output", tmp_path)
    assert code == 4
    assert "warning: no scratch was found on any image; the thresholds stay" in out
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
def test_what_is_no_calibration_is_refused(work, calibrate_here, options, pairs, said):
    code, _, err = calibrate_here(work, *options, pairs=pairs)
    assert code == 2 and said in err
