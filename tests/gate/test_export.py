import json
import shutil

import numpy as np
import pytest
import torch

from scratch_d2.gate import export
from scratch_d2.gate.familiarity import Familiarity
from tests.gate.gates import SIZE, save_gate

ONNX = "needs onnx and onnxruntime (pip install 'scratch_d2[export]')"


def import_onnx():
    for name in ("onnx", "onnxruntime"):
        pytest.importorskip(name, reason=ONNX)
    import onnx
    import onnxruntime

    return onnx, onnxruntime


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A gate with random weights, the file made of it, and how far apart they are."""
    import_onnx()
    folder = tmp_path_factory.mktemp("export")
    gate = save_gate(folder / "gate.pth")
    return gate, folder / "gate.onnx", export.export_gate(folder / "gate.pth", folder / "gate.onnx")


@pytest.mark.parametrize("count", [1, 7])
@pytest.mark.parametrize("shape", [(30, 90), (80, 90)])
def test_the_file_scores_as_the_gate_does(exported, count, shape):
    _, onnxruntime = import_onnx()
    gate, path, difference = exported
    random = np.random.default_rng(3)
    height, width = shape
    images = [random.integers(0, 256, (height, width - i, 3), np.uint8) for i in range(count)]
    letterboxed = np.stack([gate.preprocessing.letterbox(image) for image in images])
    session = onnxruntime.InferenceSession(str(path))
    (found,) = session.run(["p_bad"], {"images": letterboxed.transpose(0, 3, 1, 2)})
    assert found.shape == (count,) and found.dtype == np.float32
    np.testing.assert_allclose(found, gate(images), atol=1e-4)
    assert 0 <= difference <= 1e-4


@pytest.mark.parametrize("stride", [16, 32])
def test_the_file_returns_the_features_that_the_gate_knows(tmp_path, stride):
    _, onnxruntime = import_onnx()
    gate = save_gate(tmp_path / "gate.pth")
    known = Familiarity.learn(np.eye(60, gate.model.channels[stride], dtype=np.float32), stride)
    content = torch.load(tmp_path / "gate.pth", weights_only=True)
    content["familiarity"] = {k: torch.as_tensor(v) for k, v in known.to_dict().items()}
    torch.save(content, tmp_path / "gate.pth")
    export.export_gate(tmp_path / "gate.pth", tmp_path / "gate.onnx")
    images = np.random.default_rng(3).integers(0, 256, (2, SIZE, SIZE, 3), np.uint8)
    session = onnxruntime.InferenceSession(str(tmp_path / "gate.onnx"))
    (found,) = session.run(["features"], {"images": images.transpose(0, 3, 1, 2)})
    np.testing.assert_allclose(found, gate.look(list(images), stride).features, atol=1e-4)


def test_the_file_says_how_to_feed_it(exported):
    onnx, _ = import_onnx()
    gate, path, _ = exported
    metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    preprocessing = json.loads(metadata["preprocessing"])
    assert preprocessing["image_size"] == SIZE and preprocessing["fill"] == 255
    assert json.loads(metadata["gate"])["model"] == "resnet10t"
    assert "longer side" in metadata["letterbox"]
    assert [entry.name for entry in path.parent.iterdir() if entry.name.startswith(".")] == []


def test_a_file_that_computes_something_else_is_not_kept(exported, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "_write", lambda *args: shutil.copy(exported[1], args[-1]))
    monkeypatch.setattr(export, "_largest_difference", lambda *_: float("nan"))
    with pytest.raises(ValueError, match="differs from .*gate.pth' by nan.*not kept"):
        export.export_gate(exported[1].with_suffix(".pth"), tmp_path / "gate.onnx")
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_named_with_its_command(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"needs onnx: pip install 'scratch_d2\[export\]'"):
        export.export_gate(tmp_path / "gate.pth", tmp_path / "gate.onnx")


def test_weights_that_are_no_gate_are_refused(tmp_path):
    import_onnx()
    with pytest.raises(FileNotFoundError, match="no.pth': no such file"):
        export.export_gate(tmp_path / "no.pth", tmp_path / "gate.onnx")
