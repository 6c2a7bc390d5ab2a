"""The commands as users call them: exit codes, one sentence for an error, resume after SIGKILL."""

import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from scratch_d2.cli import fine_tune
from scratch_d2.cli.main import COMMANDS, load_command
from scratch_d2.utils.bundled import bundled_weights
from tests.builders import write_dataset
from tests.cli.conftest import keys
from tests.commands import ENGINES, ROOT, TINY, run_command

ENV = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
WITHOUT_SCRIPT = ("fine-tune", "review", "import", "export-labels", "select", "serve", "merge")
PREPARES = "prepare_magnetic_tile.py"  # a set of others, so it is no command
SCRIPTS = sorted([*(ROOT / "tools").glob("*.py"), *(ROOT / "datasets").glob("*.py")])


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["tools/predict.py", "--help"], 0, "usage: scratch-d2 predict "),
        (["datasets/describe_dataset.py", "nowhere"], 2, "error: 'nowhere' is neither a folder"),
    ],
)
def test_the_scripts_of_the_clone_are_the_commands(arguments, code, said):
    command = [sys.executable, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=ENV)
    assert done.returncode == code and (done.stdout + done.stderr).startswith(said)
    assert code == 0 or len(done.stderr.strip().splitlines()) == 1


def test_every_earlier_command_has_a_script_that_calls_it():
    mains = [runpy.run_path(str(path))["main"] for path in SCRIPTS if path.name != PREPARES]
    assert set(mains) == {load_command(name) for name in COMMANDS if name not in WITHOUT_SCRIPT}


def test_from_a_folder_to_verdicts(cli_labels, trained, tmp_path):
    pairs = [*keys(cli_labels, trained), "GATE.WEIGHTS", trained / "gate" / "model_final.pth"]
    weights = ["MODEL.WEIGHTS", trained / "detector" / "model_final.pth", "OUTPUT_DIR", tmp_path]
    val = ["DATASETS.TEST", "('scratch_text_val',)"]
    options = ("--config-file", TINY, "--engine", "embedded")
    evaluated = run_command("train-detector", *options, "--eval-only", *pairs, *weights, *val)
    assert evaluated.returncode == 0, evaluated.stderr
    assert "gate+area" in evaluated.stdout and "masks" in evaluated.stdout
    assert f"detector: {weights[1]}\ngate:     {pairs[-1]}\n" in evaluated.stdout

    (tmp_path / "zero.png").touch()
    predict = ("predict", *options, "--output", tmp_path / "results", "--overwrite")
    inputs = ("--input", cli_labels / "bad", cli_labels / "good", tmp_path / "zero.png")
    done = run_command(*predict, *inputs, *pairs)
    assert done.returncode == 3 and "zero.png': the file is empty" in done.stdout
    rows = [json.loads(line) for line in open(tmp_path / "results" / "results.jsonl")]
    assert len(rows) == 18 and sum(row["status"] == "error" for row in rows) == 1
    assert all(0 <= row["p_bad"] <= 1 for row in rows if row["status"] == "ok")
    strict = (*pairs[:-2], "SCRATCH.AREA_THRESHOLD", "0.0")
    assert run_command(*predict, "--fail-on-bad", *inputs, *strict).returncode == 10
    assert run_command(*predict, "--input", tmp_path / "zero.png", *pairs).returncode == 4


def test_weights_are_converted_or_refused(trained, tmp_path):
    source, target = trained / "detector" / "model_final.pth", tmp_path / "resnet50.pth"
    done = run_command("convert", source, target, "--to", "resnet")
    assert done.returncode == 0 and "its fc is not in the file" in done.stdout
    assert "layer4.2.bn3.num_batches_tracked" in torch.load(target, weights_only=True)
    done = run_command("convert", target, tmp_path / "start.pth", "--to", "detector")
    assert done.returncode == 0 and "written: " in done.stdout and "265 tensors" in done.stdout
    done = run_command("convert", trained / "gate/model_final.pth", target, "--to", "detector")
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1
    assert "hold no ResNet-50" in done.stderr


@pytest.mark.parametrize(
    ("command", "arguments", "said"),
    [
        ("predict", ["--input", "nothing.png"], "input 'nothing.png': no such file"),
        ("predict", ["--input", "setup.py", "MODEL.WEIGHTS", "no.pth"], "weights 'no.pth': no"),
        ("predict", ["--input", "setup.py", "MODEL.WIGHTS", "no.pth"], "mean MODEL.WEIGHTS?"),
        ("train-detector", ["SCRATCH.DATA_ROOT", "nowhere"], "'nowhere': no such folder"),
        ("train-detector", ["MODEL.KEYPOINT_ON", "True"], "MODEL.KEYPOINT_ON is True"),
        ("train-detector", ["OUTPUT_DIR", "setup.py/x"], "output folder 'setup.py/x' cannot be"),
        ("train-detector", ["--eval-only", "DATASETS.TEST", "()"], "DATASETS.TEST is empty"),
        ("train-gate", ["SCRATCH.DATA_ROOT", "nowhere"], "'nowhere': no such folder"),
    ],
)
def test_errors_are_one_sentence_and_exit_code_2(
    cli_labels, tmp_path, monkeypatch, command, arguments, said
):
    monkeypatch.chdir(ROOT)
    output = ["--output", str(tmp_path)] if command == "predict" else []
    engine = [] if command == "train-gate" else ["--engine", "embedded"]
    options = [a for a in arguments[:2] if command == "predict" or a.startswith("--")]
    pairs = [*keys(cli_labels, tmp_path), *arguments[len(options) :]]
    done = run_command(command, "--config-file", TINY, *output, *engine, *options, *pairs)
    assert done.returncode == 2
    assert said in done.stderr and done.stderr.startswith("error: ")
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_training_killed_and_resumed_reaches_the_same_iteration(cli_labels, tmp_path, engine):
    pairs = [*keys(cli_labels, tmp_path), "SCRATCH.ENGINE", engine]
    pairs += ["SOLVER.MAX_ITER", "60", "SOLVER.CHECKPOINT_PERIOD", "5"]
    train, run = ["train-detector", "--config-file", TINY], tmp_path / "detector"
    start, nowhere = [sys.executable, "-m", "scratch_d2", *train, *pairs], subprocess.DEVNULL
    process = subprocess.Popen(start, env=ENV, stdout=nowhere, stderr=nowhere)
    deadline = time.monotonic() + 120
    while not (run / "last_checkpoint").is_file() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (run / "model_final.pth").exists()
    resumed = run_command(*train, "--resume", *pairs)
    assert resumed.returncode == 0, resumed.stderr
    assert torch.load(run / "model_final.pth", weights_only=True)["iteration"] == 59
    iterations = [json.loads(line)["iteration"] for line in (run / "metrics.json").open()]
    assert {39, 59} <= set(iterations)


def test_fine_tuning_ends_with_the_next_command(cli_labels, tmp_path):
    run = tmp_path / "run"
    small = ["SOLVER.MAX_ITER", "2", "SCRATCH.SCORE_THRESHOLD", "0.0"]
    options = ("--config-file", TINY, "--engine", "embedded")
    done = run_command("fine-tune", cli_labels, "--output", run, *options, *small)
    assert done.returncode == 0, done.stderr
    settings = json.loads((run / "gate/splits.json").read_text())["settings"]
    assert (settings["train"], settings["val"]) == (["scratch_text_train"], ["scratch_text_val"])
    steps = [line for line in done.stdout.splitlines() if line.startswith("step ")]
    assert [step.split(":")[0] for step in steps] == [f"step {n} of 5" for n in range(1, 6)]
    assert (run / "detector/thresholds.json").is_file()
    assert (run / "detector/inference/report.html").is_file()

    following = done.stdout.split("next: scratch-d2 ")[1].replace("\\\n", " ").split()
    words = {"FOLDER": str(cli_labels / "bad"), "results": str(tmp_path / "results")}
    arguments = [words.get(word, word) for word in following]
    assert run_command(*arguments, "SCRATCH.ENGINE", "embedded").returncode == 0

    record = run / "gate/splits.json"
    before = record.read_text()
    for there, elsewhere in (('"sha256": "', '"sha256": "0'), ('"good"', '"bad"')):
        record.write_text(before.replace(there, elsewhere))
        again = run_command("fine-tune", cli_labels, "--output", run, *options, *small)
        assert again.returncode == 2 and "holds a run without " in again.stderr

    other = run_command("fine-tune", tmp_path, "--output", run, *options)
    assert other.returncode == 2 and f"holds a run on '{cli_labels}'" in other.stderr


def test_fine_tuning_goes_on_if_no_thresholds_can_be_chosen(monkeypatch, capsys):
    steps = [("calibrate", lambda _: 4, []), ("evaluate", lambda _: 0, [])]
    monkeypatch.setattr(fine_tune, "steps", lambda _: steps)
    for name in ("refuse_other_data", "refuse_new_photographs", "compare_with_start"):
        monkeypatch.setattr(fine_tune, name, lambda *_: None)
    monkeypatch.setattr(fine_tune, "check_data", lambda _: [])
    assert fine_tune.main(["labels", "--output", "run"]) == 4
    assert "step 2 of 5: evaluate" in capsys.readouterr().out


def test_without_masks_fine_tuning_trains_the_gate_and_keeps_the_detector(trained, tmp_path):
    labels = write_dataset(tmp_path / "labels", good=9, bad=8)
    shutil.rmtree(labels / "masks")
    detector, run = trained / "detector/model_final.pth", tmp_path / "run"
    data = ["DATASETS.TRAIN", "('scratch_text_train',)", "DATASETS.TEST", "('scratch_text_val',)"]
    data += ["MODEL.WEIGHTS", str(detector), "SCRATCH.SCORE_THRESHOLD", "0.0"]
    options = ("--config-file", TINY, "--engine", "embedded")
    done = run_command("fine-tune", labels, "--output", run, *options, *data)
    assert done.returncode == 0, done.stderr
    assert "has a mask: the gate learns from the verdicts" in done.stdout
    assert "pseudo-masks on 0 of " in done.stdout
    assert "The models before, and those of this run, on scratch_text_test" in done.stdout
    header = done.stdout.split("on scratch_text_test:\n\n")[1].splitlines()[0]
    assert [name.strip() for name in header.split("|")[2:4]] == ["before", "detector"], header
    assert (run / "before/inference/evaluation.json").is_file()
    assert (run / "detector/model_final.pth").read_bytes() == detector.read_bytes()
    assert (run / "gate/model_best.pth").is_file()


@pytest.mark.parametrize(("good", "bad"), [(6, 0), (6, 3)])
def test_fine_tuning_on_too_little_is_refused_before_it_starts(tmp_path, good, bad):
    labels = write_dataset(tmp_path / "labels", good=good, bad=bad)
    done = run_command("fine-tune", labels, "--output", tmp_path / "run")
    assert done.returncode == 2
    assert f"holds {bad} Bad" in done.stderr or f"{good} Good and {bad} Bad" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["OUTPUT_DIR", "x"], "OUTPUT_DIR is set by FOLDER and --output; leave it out"),
        (["SOLVER.MAX_ITER", "2", "--resume"], "unrecognized arguments: --resume"),
    ],
)
def test_what_fine_tuning_does_not_take_is_refused(tmp_path, arguments, said):
    done = run_command("fine-tune", "labels", "--output", tmp_path / "run", *arguments)
    assert done.returncode == 2 and said in done.stderr


def read_verdicts(folder: Path) -> dict[str, str]:
    rows = map(json.loads, (folder / "images.jsonl").open())
    return {row["file"]: row["label"] for row in rows}


def test_the_reference_models_need_no_config(cli_labels, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exact = ("SCRATCH.ENGINE", "embedded", "SCRATCH.PRECISION", "exact")
    predicted = run_command("predict", "--input", cli_labels / "bad", "--output", "results", *exact)
    assert predicted.returncode == 0, predicted.stderr
    settings = json.loads((tmp_path / "results/settings.json").read_text())
    assert settings["weights"] == str(bundled_weights() / "detector.pth")
    here = run_command("evaluate", "--dataset", cli_labels, "--output", "here", *exact)
    assert here.returncode == 0 and "written: here/inference/report.html" in here.stdout
    missing = ("--dataset", cli_labels, "--results", "results", "--allow-missing")
    there = run_command("evaluate", *missing, "--output", "there")
    assert there.returncode == 0 and "written: there/report.html" in there.stdout
    verdicts = [read_verdicts(tmp_path / folder) for folder in ("here/inference", "there")]
    assert len(verdicts[0]) == 17 and len(verdicts[1]) == 8
    assert verdicts[1].items() <= verdicts[0].items()
    refused = run_command("evaluate", "--dataset", cli_labels, "--output", "x", "--allow-missing")
    assert refused.returncode == 2 and "--allow-missing needs --results" in refused.stderr
