"""The tools as a user calls them: exit codes, one sentence for an error, resume after SIGKILL."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.builders import write_dataset

ROOT = Path(__file__).parents[2]
TINY = "configs/quick_schedules/tiny_mask_rcnn_R_50_FPN.yaml"
ENGINES = ["embedded", pytest.param("d2", marks=pytest.mark.detectron2)]


def command(tool: str, *arguments: object) -> list[str]:
    return [sys.executable, str(ROOT / "tools" / tool), *map(str, arguments)]


def call(tool: str, *arguments: object) -> subprocess.CompletedProcess:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command(tool, *arguments), capture_output=True, text=True, env=env)
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    """A folder with labels; what the tools write goes beside them."""
    folder = tmp_path_factory.mktemp("tools")
    write_dataset(folder / "labels", good=14, bad=10)
    return folder


def keys(work: Path) -> list[str]:
    return [
        *("SCRATCH.DATA_ROOT", str(work / "labels"), "OUTPUT_DIR", str(work / "detector")),
        *("DATASETS.TRAIN", "('scratch_text_train',)", "DATASETS.TEST", "('scratch_text_val',)"),
        *("GATE.OUTPUT_DIR", str(work / "gate")),
    ]


@pytest.fixture(scope="module")
def trained(work) -> Path:
    """The folder after gate and detector were trained with the tools."""
    gate = call("train_gate.py", "--config-file", TINY, *keys(work))
    assert gate.returncode == 0, gate.stderr
    detector = call("train_net.py", "--config-file", TINY, "--engine", "embedded", *keys(work))
    assert detector.returncode == 0, detector.stderr
    return work


def test_from_a_folder_to_verdicts(trained):
    gate = trained / "gate" / "model_final.pth"
    evaluated = call(
        *("train_net.py", "--config-file", TINY, "--engine", "embedded", "--eval-only"),
        *(*keys(trained), "GATE.WEIGHTS", gate),
    )
    assert evaluated.returncode == 0, evaluated.stderr
    assert "gate+area" in evaluated.stdout and "masks" in evaluated.stdout
    (trained / "labels" / "bad" / "zero.png").touch()
    options = ("--config-file", TINY, "--engine", "embedded", "--output", trained / "results")
    inputs = ("--input", trained / "labels" / "bad", trained / "labels" / "good")
    done = call("predict.py", *options, *inputs, *keys(trained), "GATE.WEIGHTS", gate)
    assert done.returncode == 3 and "zero.png': the file is empty" in done.stdout
    rows = [json.loads(line) for line in open(trained / "results" / "results.jsonl")]
    assert len(rows) == 25 and sum(row["status"] == "error" for row in rows) == 1
    assert all(0 <= row["p_bad"] <= 1 for row in rows if row["status"] == "ok")
    strict = (*keys(trained), "SCRATCH.AREA_THRESHOLD", "0.0")
    done = call("predict.py", *options, "--overwrite", "--fail-on-bad", *inputs, *strict)
    assert done.returncode == 10
    broken = ("--input", trained / "labels" / "bad" / "zero.png")
    done = call("predict.py", *options, "--overwrite", *broken, *keys(trained))
    assert done.returncode == 4
    (trained / "labels" / "bad" / "zero.png").unlink()


def test_weights_are_converted_or_refused(trained, tmp_path):
    source, target = trained / "detector" / "model_final.pth", tmp_path / "resnet50.pth"
    done = call("convert_weights.py", source, target, "--to", "resnet")
    assert done.returncode == 0 and "its fc is not in the file" in done.stdout
    assert "layer4.2.bn3.num_batches_tracked" in torch.load(target, weights_only=True)
    done = call("convert_weights.py", target, tmp_path / "start.pth", "--to", "detector")
    assert done.returncode == 0 and "written: " in done.stdout and "265 tensors" in done.stdout
    done = call("convert_weights.py", trained / "gate/model_final.pth", target, "--to", "detector")
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1
    assert "hold no ResNet-50" in done.stderr


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("predict.py", ["--input", "nothing.png"], "input 'nothing.png': no such file"),
        ("predict.py", ["--input", "setup.py", "MODEL.WEIGHTS", "no.pth"], "weights 'no.pth': no"),
        ("predict.py", ["--input", "setup.py", "MODEL.WIGHTS", "no.pth"], "mean MODEL.WEIGHTS?"),
        ("train_net.py", ["SCRATCH.DATA_ROOT", "nowhere"], "'nowhere': no such folder"),
        ("train_net.py", ["MODEL.KEYPOINT_ON", "True"], "MODEL.KEYPOINT_ON is True"),
        ("train_net.py", ["OUTPUT_DIR", "setup.py/x"], "output folder 'setup.py/x' cannot be"),
        ("train_net.py", ["--eval-only", "DATASETS.TEST", "()"], "DATASETS.TEST is empty"),
        ("train_gate.py", ["SCRATCH.DATA_ROOT", "nowhere"], "'nowhere': no such folder"),
    ],
)
def test_errors_are_one_sentence_and_exit_code_2(tmp_path, monkeypatch, tool, arguments, said):
    monkeypatch.chdir(ROOT)
    output = ["--output", str(tmp_path)] if tool == "predict.py" else []
    engine = [] if tool == "train_gate.py" else ["--engine", "embedded"]
    data = ["DATASETS.TRAIN", "('scratch_text_train',)", "OUTPUT_DIR", str(tmp_path / "x")]
    options = [a for a in arguments[:2] if tool == "predict.py" or a.startswith("--")]
    pairs = [*data, "GATE.OUTPUT_DIR", str(tmp_path / "g"), *arguments[len(options) :]]
    done = call(tool, "--config-file", TINY, *output, *engine, *options, *pairs)
    assert done.returncode == 2
    assert said in done.stderr and done.stderr.startswith("error: ")
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_training_killed_and_resumed_reaches_the_same_iteration(work, tmp_path, engine):
    pairs = [*keys(work), "SOLVER.MAX_ITER", "60", "SOLVER.CHECKPOINT_PERIOD", "5"]
    pairs += ["OUTPUT_DIR", str(tmp_path), "DATASETS.TEST", "()", "SCRATCH.ENGINE", engine]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    start = command("train_net.py", "--config-file", TINY, *pairs)
    process = subprocess.Popen(start, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (tmp_path / "last_checkpoint").is_file() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "model_final.pth").exists()
    resumed = call("train_net.py", "--config-file", TINY, "--resume", *pairs)
    assert resumed.returncode == 0, resumed.stderr
    assert torch.load(tmp_path / "model_final.pth", weights_only=True)["iteration"] == 59
    iterations = [json.loads(line)["iteration"] for line in (tmp_path / "metrics.json").open()]
    assert {39, 59} <= set(iterations)
