"""What runs the models of a config, and what happens if it cannot."""

import json
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from scratch_d2.bundles import cache, runtimes
from scratch_d2.bundles.runtimes import choose_runtime
from scratch_d2.config import load_config
from scratch_d2.engines.embedded import MaskRCNN
from scratch_d2.inspection import Inspector
from tests.builders import draw_label, save
from tests.commands import ENGINES, TINY, run_command
from tests.engines.parity import fill
from tests.gate.gates import save_gate

RULE = (
    *("SCRATCH.SCORE_THRESHOLD", "0.3", "GATE.THRESHOLD", "0.0"),
    *("SCRATCH.AREA_THRESHOLD", "50.0", "SCRATCH.AREA_UNIT", "pixel"),
)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints with random weights, and labels of several sizes."""
    for name in ("onnx", "onnxruntime"):
        pytest.importorskip(name, reason="needs pip install 'scratch_d2[export]'")
    folder, rng = tmp_path_factory.mktemp("runtimes"), np.random.default_rng(0)
    torch.save({"model": fill(MaskRCNN(load_config(TINY)))}, folder / "detector.pth")
    save_gate(folder / "gate.pth")
    for index in range(6):
        label = draw_label(rng, 48 + 30 * (index % 4), 96 - 16 * (index % 3))
        save(label, folder / "in" / f"{index:02d}.png")
    return folder


@pytest.fixture
def load(work) -> Callable[..., Inspector]:
    def load_in(runtime: str, engine: str = "embedded", *opts: str) -> Inspector:
        weights = ("MODEL.WEIGHTS", str(work / "detector.pth"), "GATE.WEIGHTS", "gate.pth")
        pairs = [*weights[:3], str(work / weights[3]), "SCRATCH.RUNTIME", runtime]
        return Inspector.load(TINY, [*pairs, *RULE, *opts], engine)

    return load_in


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_a_runtime_inspects_as_torch_does(work, load, runtime, engine):
    pytest.importorskip(runtime, reason="needs pip install 'scratch_d2[openvino]'")
    fast, exact = load(runtime, engine), load("torch", engine, "SCRATCH.PRECISION", "exact")
    assert fast.metadata == {**exact.metadata, "runtime": runtime, "precision": "float32"}
    assert fast.exact is not None and fast.margins.logit == 1e-3
    images = sorted((work / "in").iterdir())
    for one, other in zip(exact(images), fast(images), strict=True):
        assert one.label == other.label
        assert one.p_bad == pytest.approx(other.p_bad, abs=1e-5)
        assert one.area == pytest.approx(other.area, abs=1)
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)
        np.testing.assert_allclose(one.boxes, other.boxes, atol=1e-3)
    assert any(len(result.boxes) for result in exact(images))


def test_models_are_exported_once_and_again_if_the_export_was_damaged(load, exports, monkeypatch):
    load("onnxruntime")
    whole = max(exports.glob("*/"), key=lambda folder: folder.stat().st_mtime)
    made: list[Path] = []
    monkeypatch.setattr(cache, "_hash_sources", lambda: "another version")
    monkeypatch.setattr(
        cache, "write_bundle", lambda *args: made.append(shutil.copytree(whole, args[2]))
    )
    load("onnxruntime")
    assert len(made) == 1 and made[0].parent.resolve() == exports.resolve()
    load("onnxruntime", "embedded", "SCRATCH.SCORE_THRESHOLD", "0.9")
    assert len(made) == 1
    (made[0] / "gate.onnx").write_bytes(b"damaged")
    assert load("onnxruntime").runtime.name == "onnxruntime" and len(made) == 2
    load("onnxruntime", "embedded", "INPUT.MIN_SIZE_TEST", "64")
    assert len(made) == 3


def test_exports_that_were_not_used_for_long_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "KEPT", 2)
    for age, name in enumerate(["newest", "second", "oldest", ".killed"]):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    (tmp_path / ".lock").touch()
    cache._remove_unused(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "newest", "second"]


def refuse(*args):
    raise ValueError("the export of 'detector.pth' differs from torch")


def test_torch_takes_over_with_a_warning(work, load, monkeypatch, caplog):
    monkeypatch.setattr(cache, "write_bundle", refuse)
    monkeypatch.setattr(cache, "_hash_sources", lambda: "one that fails")
    with caplog.at_level(logging.WARNING):
        inspector = load("auto")
    assert "ONNX Runtime cannot run them (ValueError: the export of" in caplog.text
    assert inspector.metadata["runtime"] == "torch"
    assert str(inspector.runtime) == "models run on torch: ONNX Runtime cannot run them"
    with pytest.raises(ValueError, match="RUNTIME is onnxruntime, but ONNX Runtime cannot run"):
        load("onnxruntime")


def test_a_cache_that_cannot_be_written_leaves_torch(load, monkeypatch, tmp_path, caplog):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SCRATCH_D2_CACHE", str(tmp_path / "file"))
    assert load("auto").metadata["runtime"] == "torch"
    assert "NotADirectoryError" in caplog.text and str(tmp_path / "file") in caplog.text


@pytest.mark.parametrize(
    ("device", "precision", "expected"),
    [
        ("cpu", "float32", "onnxruntime"),
        ("cpu", "bfloat16", "torch"),
        ("cpu", "exact", "torch"),
        ("cuda", "float32", "torch"),
    ],
)
def test_auto_takes_what_is_fastest(monkeypatch, device, precision, expected):
    monkeypatch.setattr(runtimes, "find_spec", lambda name: object())
    runtime = choose_runtime(load_config(None), torch.device(device), precision)
    assert runtime.name == expected and runtime.reason


def test_without_onnx_runtime_auto_says_how_to_be_faster(monkeypatch):
    monkeypatch.setattr(runtimes, "find_spec", lambda name: None if "onnx" in name else object())
    runtime = choose_runtime(load_config(None), CPU, "float32")
    assert runtime.name == "torch"
    assert "onnx, onnxruntime is not installed (pip install 'scratch_d2[export]'" in str(runtime)
    with pytest.raises(ImportError, match=r"openvino needs .*scratch_d2\[export,openvino\]"):
        choose_runtime(load_config(None, ["SCRATCH.RUNTIME", "openvino"]), CPU, "float32")


@pytest.mark.parametrize(
    ("device", "precision", "said"),
    [
        ("cuda", "auto", "runs on processors, but MODEL.DEVICE is cuda"),
        ("cpu", "exact", "computes in float32, but SCRATCH.PRECISION is exact"),
        ("cpu", "bfloat16", "computes in float32, but SCRATCH.PRECISION is bfloat16"),
    ],
)
def test_a_runtime_that_contradicts_other_keys_is_refused(device, precision, said):
    cfg = load_config(None, ["SCRATCH.RUNTIME", "openvino", "SCRATCH.PRECISION", precision])
    with pytest.raises(ValueError, match=said):
        choose_runtime(cfg, torch.device(device), "float32")


def test_runs_of_two_runtimes_are_not_mixed(work, tmp_path):
    keys = ("MODEL.WEIGHTS", work / "detector.pth", "GATE.WEIGHTS", work / "gate.pth", *RULE)
    options = ("--config-file", TINY, "--input", work / "in", "--output", tmp_path / "out")
    options = (*options, "--engine", "embedded", "--save", "none", "--resume")
    done = run_command("predict", *options, "--runtime", "onnxruntime", *keys)
    assert done.returncode == 0
    assert "models run on ONNX Runtime: SCRATCH.RUNTIME asks for it" in done.stdout
    settings = json.loads((tmp_path / "out" / "settings.json").read_text())
    assert settings["runtime"] == "onnxruntime" and settings["precision"] == "float32"
    done = run_command("predict", *options, "--runtime", "torch", *keys)
    assert done.returncode == 2
    assert "with runtime = 'onnxruntime', now it is 'torch'" in done.stderr


def test_an_earlier_run_had_torch(work, tmp_path):
    keys = ("MODEL.WEIGHTS", work / "detector.pth", "GATE.WEIGHTS", work / "gate.pth", *RULE)
    options = ("--config-file", TINY, "--input", work / "in", "--output", tmp_path / "out")
    assert run_command("predict", *options, *keys).returncode == 0
    file = tmp_path / "out" / "settings.json"
    settings = json.loads(file.read_text())
    assert settings.pop("runtime") == "torch"
    file.write_text(json.dumps(settings))
    assert run_command("predict", *options, "--resume", *keys).returncode == 0
