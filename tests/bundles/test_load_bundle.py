"""Bundles without torch: the same rows, and bad bundles refused by name."""

import json
import shutil
from pathlib import Path

import pytest

from scratch_d2.bundles import sessions
from scratch_d2.bundles.loading import load_bundle
from scratch_d2.bundles.manifest import read_manifest
from scratch_d2.inspection.rows import RowFile
from tests.bundles.conftest import RULE
from tests.bundles.without_torch import start
from tests.commands import TINY, run_command


def comparable(folder: Path) -> list[dict]:
    """The rows of a run, rounded to what two runtimes have in common."""
    rows = []
    for row in RowFile(folder / "results.jsonl"):
        row.pop("timestamp")
        instances = row.pop("instances")
        row["p_bad"] = round(row["p_bad"], 4)
        rows.append({**row, "boxes": [[round(v) for v in i["bbox"]] for i in instances]})
    return rows


@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_predict_writes_the_same_rows_without_importing_torch(work, tmp_path, kind):
    options = ("--bundle", work / kind, "--input", work / "in", "--output", tmp_path / "bundle")
    with start("predict", *options) as process:
        errors = process.communicate()[1]
    assert process.returncode == 0, errors
    keys = ("MODEL.WEIGHTS", work / "detector.pth", "GATE.WEIGHTS", work / "gate.pth")
    options = ("--config-file", TINY, "--input", work / "in", "--output", tmp_path / "torch")
    run_command(
        "predict", *options, "--engine", "embedded", *keys, *RULE, "SCRATCH.PRECISION", "exact"
    )
    assert comparable(tmp_path / "bundle") == comparable(tmp_path / "torch")
    assert any(row["boxes"] for row in comparable(tmp_path / "bundle"))


def test_without_a_bundle_the_command_says_what_this_installation_can_do(work, tmp_path):
    with start("predict", "--input", work / "in", "--output", tmp_path / "out") as process:
        errors = process.communicate()[1]
    assert process.returncode == 2
    assert "runs predict and serve with --bundle FOLDER" in errors


def test_thresholds_can_be_set_and_nothing_else(work, tmp_path):
    options = ("--bundle", work / "onnx", "--input", work / "in", "--save", "none")
    done = run_command("predict", *options, "--output", tmp_path / "a", "SCRATCH.AREA_THRESHOLD", 7)
    assert done.returncode == 0
    settings = json.loads((tmp_path / "a" / "settings.json").read_text())
    assert (settings["area"], settings["score"], settings["engine"]) == (7.0, 0.3, "onnxruntime")
    done = run_command("predict", *options, "--output", tmp_path / "b", "MODEL.DEVICE", "cuda")
    assert done.returncode == 2 and "MODEL.DEVICE cannot be set for a bundle" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--engine", "d2"), "--runtime chooses what runs a bundle"),
        (("--config-file", TINY), "not allowed with argument"),
        (("--runtime", "onnxruntime"), "cannot run a bundle of kind 'openvino'"),
    ],
)
def test_options_that_do_not_fit_a_bundle_are_refused(work, tmp_path, options, said):
    fixed = ("--bundle", work / "openvino", "--input", work / "in", "--output", tmp_path)
    done = run_command("predict", *fixed, *options)
    assert done.returncode == 2 and said in done.stderr


@pytest.fixture
def bundle(work, tmp_path) -> Path:
    shutil.copytree(work / "onnx", tmp_path / "bundle")
    return tmp_path / "bundle"


def test_missing_files_are_all_named(bundle):
    (bundle / "gate.onnx").unlink()
    (bundle / "thresholds.json").unlink()
    with pytest.raises(FileNotFoundError, match="lacks gate.onnx, thresholds.json$"):
        load_bundle(bundle)
    with pytest.raises(FileNotFoundError, match="is no bundle: it has no bundle.json"):
        load_bundle(bundle.parent)


def test_a_changed_model_is_refused(bundle):
    with open(bundle / "detector.onnx", "ab") as file:
        file.write(b"more")
    with pytest.raises(ValueError, match="detector.onnx changed since the export"):
        load_bundle(bundle)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"format": 7, "written_by": "9.1"},
            r"has format 7, written by scratch_d2 9\.1; "
            r"scratch_d2 \d+\.\d+\.\d+ reads format 2",
        ),
        ({"kind": "coreml"}, "kind is 'coreml'; accepted are onnx, openvino"),
        ({"spam": 1}, "unexpected keyword argument 'spam'"),
    ],
)
def test_a_bundle_of_another_version_is_refused_with_both(bundle, change, said):
    path = bundle / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ValueError, match=said):
        read_manifest(bundle)


@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_a_manifest_that_is_none_is_refused(bundle, content):
    (bundle / "bundle.json").write_text(content)
    with pytest.raises(ValueError, match="bundle.json: not a bundle's manifest"):
        read_manifest(bundle)


def test_a_missing_runtime_is_named_with_its_command(monkeypatch):
    monkeypatch.setattr(sessions, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"onnxruntime or openvino: pip install .*\[onnx\]"):
        sessions.pick_runtime("auto", "onnx")
    with pytest.raises(ImportError, match=r"needs openvino: pip install 'scratch_d2\[openvino\]'"):
        sessions.pick_runtime("auto", "openvino")
    monkeypatch.setattr(sessions, "find_spec", lambda name: name == "openvino" or None)
    assert sessions.pick_runtime("auto", "onnx") == "openvino"


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_a_file_that_is_no_model_is_named(tmp_path, runtime):
    pytest.importorskip(runtime)
    (tmp_path / "detector.onnx").write_bytes(b"no model")
    with pytest.raises(ValueError, match=f"detector.onnx' cannot be loaded by {runtime}"):
        sessions.open_session(tmp_path / "detector.onnx", runtime)
