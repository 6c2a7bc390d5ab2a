"""tools/calibrate.py as a user calls it: what it writes, and that prediction goes by it."""

import json
from pathlib import Path

import pytest

from scratch_d2.inspection.thresholds import Thresholds, file_sha256, read_thresholds
from tests.builders import write_dataset
from tests.test_tools import TINY, call

NEVER_SEEN = "('scratch_text_all',)"


def keys(work: Path) -> list[str]:
    """What the tools are told; at a score of 0 a model that learnt nothing finds scratches."""
    return [
        *("SCRATCH.DATA_ROOT", str(work / "labels"), "OUTPUT_DIR", str(work / "detector")),
        *("DATASETS.TRAIN", "('scratch_text_train',)", "DATASETS.TEST", NEVER_SEEN),
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
    write_dataset(folder / "labels", good=24, bad=22)
    for tool, options in (("train_gate.py", ()), ("train_net.py", ("--engine", "embedded"))):
        pairs = [*keys(folder)[:-2], "DATASETS.TEST", "()", "SCRATCH.SCORE_THRESHOLD", "0.0"]
        trained = call(tool, "--config-file", TINY, *options, *pairs)
        assert trained.returncode == 0, trained.stderr
    return folder


def calibrate(work: Path, *options: object, pairs: tuple[str, ...] = ()):
    start = ("calibrate.py", "--config-file", TINY, "--engine", "embedded")
    return call(*start, *options, *keys(work), *pairs)


def test_prediction_goes_by_the_thresholds_that_calibration_writes(work, tmp_path):
    detector = work / "detector"
    files = {path: path.read_bytes() for path in detector.rglob("*") if path.is_file()}
    done = calibrate(work, "--goal", "cost=10", "--review", "0.2")
    assert done.returncode == 0, done.stderr
    thresholds, block = read_thresholds(detector / "thresholds.json")
    assert f"written: {detector / 'thresholds.json'}" in done.stdout
    assert "expected (95%)" in done.stdout and "seed" in done.stdout
    assert thresholds.score == 0 and thresholds.area not in (500, 500.5)
    about = json.loads((detector / "calibration/inference/evaluation.json").read_text())["about"]
    assert block["data_sha256"] == about["data_sha256"] and block["dataset"] == "scratch_text_all"
    assert (block["goal"], block["images"], block["bad"]) == ("cost=10", 46, 22)
    assert block["weights_sha256"] == file_sha256(detector / "model_final.pth")
    assert block["gate_sha256"] == file_sha256(work / "gate/model_final.pth")
    changed = {path.name for path, content in files.items() if path.read_bytes() != content}
    assert changed == {"thresholds.json"}

    options = ("--config-file", TINY, "--engine", "embedded", "--output", tmp_path / "out")
    inputs = ("--input", work / "labels" / "bad", work / "labels" / "good")
    predicted = call("predict.py", *options, *inputs, *keys(work))
    assert predicted.returncode == 0 and "calibrated for" not in predicted.stderr
    rows = [json.loads(line) for line in (tmp_path / "out/results.jsonl").open()]
    counts = {name: sum(row["verdict"] == name for row in rows) for name in ("good", "review")}
    assert counts["good"] == block["figures"]["bad_as_good"] + block["figures"]["good_as_good"]
    assert counts["review"] == round(46 * block["figures"]["review"]) <= 0.2 * 46
    again = call("predict.py", *options, "--resume", *inputs, *keys(work))
    assert again.returncode == 0, again.stderr
    other = call("predict.py", *options, "--overwrite", *inputs, *keys(work)[:-2])
    assert "calibrated for use with a gate, and now there is none" in other.stderr


def test_an_earlier_evaluation_gives_the_same_thresholds_elsewhere(work, tmp_path):
    done = calibrate(work, "--goal", "f1", "--output", tmp_path / "first")
    assert done.returncode == 0, done.stderr
    evaluated = tmp_path / "first" / "calibration" / "inference"
    done = calibrate(work, "--inference", evaluated, "--output", tmp_path / "second")
    assert done.returncode == 0, done.stderr
    first, second = (read_thresholds(tmp_path / n / "thresholds.json") for n in ("first", "second"))
    assert first == second and not (tmp_path / "second" / "calibration").exists()


def test_the_rule_of_the_former_system_is_measured_and_written(work, tmp_path):
    done = calibrate(work, "--goal", "seed", "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    thresholds, block = read_thresholds(tmp_path / "thresholds.json")
    assert thresholds == Thresholds(score=0.5, area=500.5, gate_skip=0)
    assert block["figures"] == block["expected"]


def test_where_nothing_is_found_nothing_is_written(work, tmp_path):
    pairs = ("SCRATCH.SCORE_THRESHOLD", "1.0")
    done = calibrate(work, "--output", tmp_path, pairs=pairs)
    assert done.returncode == 4, done.stderr
    assert "warning: no scratch was found on any image; the thresholds stay" in done.stdout
    assert not (tmp_path / "thresholds.json").exists()


@pytest.mark.parametrize(
    ("options", "pairs", "said"),
    [
        (["--goal", "f2"], (), "goal 'f2' is unknown; accepted are f1, recall=R"),
        (["--review", "2"], (), "review share is 2.0; accepted is a number in 0..1"),
        (["--dataset", "scratch_text_test"], (), "'scratch_text_test' is a test set"),
        ([], ("DATASETS.TEST", "('a', 'b')"), "calibration takes one dataset, --dataset NAME"),
        ([], ("MODEL.WEIGHTS", "no/weights.pth"), "no/weights.pth"),
        (["--inference", "nowhere"], (), "evaluation.json': no such file"),
    ],
)
def test_what_is_no_calibration_is_refused_in_one_sentence(work, options, pairs, said):
    done = calibrate(work, *options, pairs=pairs)
    assert done.returncode == 2 and said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
