"""Exported models: they find what torch finds, say how to feed them, and are refused otherwise."""

import json
import re
import runpy
from pathlib import Path

import numpy as np
import pytest

from scratch_d2.bundles import model_files
from scratch_d2.bundles.checking import Difference, compare_predictions
from scratch_d2.config import load_config
from scratch_d2.data.images import read_image
from scratch_d2.engines.embedded import EmbeddedEngine
from scratch_d2.inspection import Inspector
from tests.builders import predict_boxes
from tests.bundles.conftest import RULE, export
from tests.commands import TINY, run_command


def photographs(work: Path) -> list[np.ndarray]:
    return [read_image(path) for path in sorted((work / "in").iterdir())]


@pytest.mark.parametrize(
    ("kind", "runtime"),
    [("onnx", "onnxruntime"), ("onnx", "openvino"), ("openvino", "openvino")],
)
def test_a_bundle_inspects_as_torch_does(work, kind, runtime):
    keys = ["MODEL.WEIGHTS", work / "detector.pth", "GATE.WEIGHTS", work / "gate.pth"]
    exact = ["SCRATCH.PRECISION", "exact", "MODEL.DEVICE", "cpu"]
    torch = Inspector.load(TINY, [*map(str, keys), *exact, *RULE], "embedded")
    bundle = Inspector.load_bundle(work / kind, runtime=runtime)
    assert bundle.thresholds == torch.thresholds
    assert bundle.metadata["model_id"] == torch.metadata["model_id"]
    one, other = torch.inspect(photographs(work)), bundle.inspect(photographs(work))
    assert [r.label for r in one] == [r.label for r in other]
    np.testing.assert_allclose([r.p_bad for r in one], [r.p_bad for r in other], atol=1e-4)
    difference = compare_predictions([r.prediction for r in one], [r.prediction for r in other])
    assert difference.accepted and difference.detections > 50, difference


@pytest.mark.parametrize("opts", [["INPUT.FORMAT", "BGR"], ["INPUT.MIN_SIZE_TEST", "0"]])
def test_channels_and_sizes_are_those_of_the_config(work, tmp_path, opts):
    done = export(work, "--detector", work / "detector.pth", "--output", tmp_path / "d.onnx", *opts)
    assert done.returncode == 0, done.stderr
    cfg = load_config(TINY, ["MODEL.DEVICE", "cpu", *opts])
    exact = model_files.load_embedded(cfg, work / "detector.pth")
    found = model_files.compare_export(cfg, exact, tmp_path / "d.onnx", "onnxruntime")
    assert found.accepted and found.detections > 50
    assert [path.name for path in tmp_path.iterdir()] == ["d.onnx"]


def test_the_command_says_how_near_torch_the_models_are(work):
    for kind in ("onnx", "openvino"):
        said = (work / f"{kind}.txt").read_text()
        assert re.search(r"gate: p\(Bad\) differs from torch by \d\.\de-\d\d at most", said)
        assert re.search(r"12 images, \d+ detections, 0 found by one only; scores differ", said)
        assert said.endswith(f"written: {work / kind}\n")


def test_a_model_says_how_to_feed_it(work):
    import onnx
    import openvino

    metadata = {e.key: e.value for e in onnx.load(work / "onnx/detector.onnx").metadata_props}
    assert json.loads(metadata["preprocessing"]) == {"min_size": 96, "max_size": 256}
    assert "Pillow" in metadata["resize"]
    model = openvino.Core().read_model(work / "openvino/gate.xml")
    assert json.loads(model.get_rt_info(["scratch_d2", "preprocessing"]).value)["image_size"] == 64


@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_the_program_in_the_readme_runs(work, kind, monkeypatch, capsys):
    program = re.search(r"```python\n(.+?)```", (work / kind / "README.md").read_text(), re.S)[1]
    assert len([line for line in program.splitlines() if line]) <= 10
    (work / kind / "program.py").write_text(program)
    (work / kind / "label.png").write_bytes((work / "in/03.png").read_bytes())
    monkeypatch.chdir(work / kind)
    found = runpy.run_path("program.py")
    (expected,) = EmbeddedEngine().load(
        load_config(TINY, ["MODEL.DEVICE", "cpu"]), work / "detector.pth"
    )([read_image(work / "in/03.png")])
    assert len(found["scores"]) == len(expected) > 3
    np.testing.assert_allclose(found["scores"], expected.scores, atol=1e-4)
    np.testing.assert_allclose(found["boxes"] / found["scale"], expected.boxes, atol=0.5)
    assert capsys.readouterr().out


def test_a_config_that_cannot_be_exported_is_refused_by_its_key(work, tmp_path):
    cascade = ("MODEL.ROI_HEADS.NAME", "CascadeROIHeads")
    done = export(work, "--output", tmp_path / "out", *cascade)
    assert done.returncode == 2
    assert (
        "MODEL.ROI_HEADS.NAME is 'CascadeROIHeads'; accepted is 'StandardROIHeads'" in done.stderr
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--output", "setup.py"), "'setup.py' exists; choose another folder"),
        (("--gate", "g.pth", "--output", "gate.xml"), "of kind 'onnx' needs the suffix .onnx"),
        (("--detector", "no.pth", "--output", "d.onnx"), "no.pth"),
        (("--to", "onnx", "--gate", "no.pth", "--output", "g.onnx"), "no.pth': no such file"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence(work, options, said):
    done = run_command("export", *options)
    assert done.returncode == 2 and said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_detector_that_differs_is_not_kept(work, tmp_path, monkeypatch):
    far = Difference(12, 84, 1, 0.0, 0.0, 1.0)
    monkeypatch.setattr(model_files, "compare_detectors", lambda *_: far)
    done = export(work, "--detector", work / "detector.pth", "--output", tmp_path / "d.onnx")
    assert done.returncode == 2 and "1 found by one only" in done.stderr
    assert "was not kept" in done.stderr and list(tmp_path.iterdir()) == []


def test_differences_are_counted_detection_by_detection():
    one = predict_boxes(40, 60, {(0, 0, 10, 10): 0.9, (20, 20, 40, 30): 0.8, (5, 5, 9, 9): 0.3})
    same = compare_predictions([one, one], [one, one])
    assert same == Difference(2, 6, 0, 0.0, 0.0, 1.0) and same.accepted
    other = predict_boxes(40, 60, {(20, 20, 40, 31): 0.9, (0, 0, 10, 10): 0.7})
    found = compare_predictions([one], [other])
    assert (found.detections, found.unmatched) == (3, 1) and not found.accepted
    assert found.scores == pytest.approx(0.2) and found.boxes == 1.0
    assert found.iou == pytest.approx(200 / 220)
