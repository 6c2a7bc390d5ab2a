"""Faster numbers: what is picked, what a network is turned into, how near it stays."""

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.ops import box_iou

from scratch_d2.checkpoints.precision import autocast, in_precision, pick_precision
from scratch_d2.config import load_config
from scratch_d2.engines import get_engine
from scratch_d2.engines.embedded import MaskRCNN
from scratch_d2.gate import Gate, Preprocessing
from scratch_d2.gate.network import GateNetwork
from scratch_d2.utils.device import has_bfloat16
from tests.engines.parity import TINY, fill, image

CPU = torch.device("cpu")
PRECISIONS = ("exact", "float32", "bfloat16")
ENGINES = ["embedded", pytest.param("d2", marks=pytest.mark.detectron2)]


@pytest.mark.parametrize(("native", "picked"), [(True, "bfloat16"), (False, "float32")])
def test_auto_is_bfloat16_on_gpus_that_compute_in_it(monkeypatch, native, picked):
    monkeypatch.setattr("scratch_d2.checkpoints.precision.has_bfloat16", lambda device: native)
    assert pick_precision("auto", torch.device("cuda")) == picked
    assert pick_precision("auto", CPU) == "float32"
    for name in ("exact", "float32", "bfloat16"):
        assert pick_precision(name, CPU) == name


@pytest.mark.parametrize(
    ("known", "native"),
    [
        ({"avx512_f": True, "avx512_bf16": True}, True),
        ({"neon": True, "bf16": True}, True),
        ({"avx512_f": True, "avx512_bf16": False, "amx_bf16": False}, False),
        ({}, False),
    ],
)
def test_a_processor_has_bfloat16_if_it_has_the_instructions(monkeypatch, known, native):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: known)
    assert has_bfloat16(CPU) is native


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("height", [2, 16, 64])
def test_narrow_maps_are_right_in_bfloat16(height, width):
    torch.manual_seed(0)
    convolution = nn.Conv2d(32, 32, 3, stride=2, padding=1)
    images = torch.randn(2, 32, height, width)
    with torch.inference_mode():
        expected = convolution(images)
        copy = in_precision(convolution, "bfloat16")
        for _ in range(4):  # what a faulty one returns depends on what was in memory
            scratched = [torch.full((size,), float("nan")) for size in (64, 512, 4096)] * 4
            del scratched
            with autocast("bfloat16", CPU):
                found = copy(images).float()
            torch.testing.assert_close(found, expected, atol=0.02, rtol=0.02)


def test_exact_leaves_a_network_as_it_is():
    network = nn.Conv2d(3, 4, 1)
    assert in_precision(network, "exact") is network
    with autocast("exact", CPU):
        assert network(torch.zeros(1, 3, 2, 2)).dtype == torch.float32


def make_network(opts=()):
    """The tiny detector with weights that give varied detections, and its config."""
    cfg = load_config(TINY, ["MODEL.DEVICE", "cpu", *opts])
    network = MaskRCNN(cfg).eval()
    fill(network)
    return network, cfg


@pytest.mark.parametrize("norm", ["FrozenBN", "BN"])
@pytest.mark.parametrize(
    ("precision", "kept", "least", "most"),
    [("float32", torch.float32, 0, 1e-5), ("bfloat16", torch.bfloat16, 1e-4, 0.05)],
)
def test_a_copy_is_turned_and_its_norms_are_folded(norm, precision, kept, least, most):
    network, _ = make_network(["MODEL.RESNETS.NORM", norm])
    before = {name: value.clone() for name, value in network.state_dict().items()}
    copy = in_precision(network, precision)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    convolutions = [m for m in copy.modules() if isinstance(m, nn.Conv2d)]
    assert len(convolutions) > 60
    assert all(m.weight.dtype == kept for m in convolutions)
    assert all(getattr(m, "norm", None) is None for m in convolutions)
    batch = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = network.backbone(batch)
        with autocast(precision, CPU):
            found = copy.backbone(batch)
    for level, features in found.items():
        assert features.dtype == torch.float32
        error = (features - expected[level]).norm() / expected[level].norm()
        assert least <= error < most, level


@pytest.mark.parametrize("engine", ENGINES)
def test_a_faster_detector_finds_nearly_the_same(tmp_path, engine):
    network, cfg = make_network(["MODEL.ROI_HEADS.SCORE_THRESH_TEST", "0.3"])
    torch.save({"model": network.state_dict()}, tmp_path / "weights.pth")
    load = get_engine(engine).load
    exact, folded, fast = (load(cfg, tmp_path / "weights.pth", p) for p in PRECISIONS)
    images = [image(90, 150), image(120, 100)]
    for one, other in zip(exact(images), folded(images)):
        np.testing.assert_allclose(one.boxes, other.boxes, atol=0.01)
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-4)
    for one, other in zip(exact(images), fast(images)):
        assert len(one) > 3 and not np.array_equal(one.scores, other.scores)
        overlap, match = box_iou(*map(torch.from_numpy, (one.boxes, other.boxes))).max(dim=1)
        near = overlap.numpy() > 0.8
        assert near.mean() > 0.7
        assert np.abs(one.scores - other.scores[match.numpy()])[near].max() < 0.1


@pytest.mark.detectron2
def test_both_engines_find_the_same_in_bfloat16(tmp_path):
    network, cfg = make_network()
    torch.save({"model": network.state_dict()}, tmp_path / "weights.pth")
    images = [image(90, 150), image(120, 100)]
    found, expected = (
        get_engine(name).load(cfg, tmp_path / "weights.pth", "bfloat16")(images)
        for name in ("embedded", "d2")
    )
    for one, other in zip(found, expected):
        assert len(one) == len(other) > 3
        np.testing.assert_allclose(one.boxes, other.boxes, atol=1e-3)
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)


@pytest.mark.parametrize("name", ["resnet10t", "resnet50", "resnet50d", "regnety_002"])
def test_a_faster_gate_scores_nearly_the_same(name):
    torch.manual_seed(0)
    network = GateNetwork(name)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            # Norms as training leaves them; new ones change nothing when folded.
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.weight, 0.5, 1.0)
    exact, folded, fast = (Gate(network, Preprocessing(64), precision=p) for p in PRECISIONS)
    images = [image(90, 150), image(120, 100), image(40, 200)]
    one, same, other = (np.log(p / (1 - p)) for p in (g(images) for g in (exact, folded, fast)))
    np.testing.assert_allclose(same, one, rtol=1e-4, atol=1e-4)
    assert 0 < np.abs(one - other).max() < 0.2
    left = any(isinstance(m, nn.BatchNorm2d) for m in folded.model.modules())
    assert left == (name == "regnety_002")  # whose norms bring their ReLU
    weights = {m.weight.dtype for m in fast.model.modules() if isinstance(m, nn.Conv2d)}
    assert weights == {torch.bfloat16}
    assert any(isinstance(m, nn.BatchNorm2d) for m in exact.model.modules())
