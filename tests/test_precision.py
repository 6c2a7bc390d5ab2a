"""bfloat16 where it pays: what is picked, what a network is turned into, how near it stays."""

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.ops import box_iou

from scratch_d2.config import load_config
from scratch_d2.engines import get_engine
from scratch_d2.engines.embedded import MaskRCNN
from scratch_d2.gate import Gate, Preprocessing
from scratch_d2.gate.network import GateNetwork
from scratch_d2.precision import autocast, in_precision, pick_precision
from tests.engines.parity import TINY, fill, image

CPU = torch.device("cpu")
ENGINES = ["embedded", pytest.param("d2", marks=pytest.mark.detectron2)]


@pytest.mark.parametrize(("native", "picked"), [(True, "bfloat16"), (False, "float32")])
def test_auto_is_bfloat16_where_the_processor_has_it(monkeypatch, native, picked):
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: native)
    assert pick_precision("auto", CPU) == picked
    assert pick_precision("float32", CPU) == "float32"
    assert pick_precision("bfloat16", CPU) == "bfloat16"


def test_float32_leaves_a_network_as_it_is():
    network = nn.Conv2d(3, 4, 1)
    assert in_precision(network, "float32") is network
    with autocast("float32", CPU):
        assert network(torch.zeros(1, 3, 2, 2)).dtype == torch.float32


def make_network(opts=()):
    """The tiny detector with weights that give varied detections, and its config."""
    cfg = load_config(TINY, ["MODEL.DEVICE", "cpu", *opts])
    network = MaskRCNN(cfg).eval()
    fill(network)
    return network, cfg


@pytest.mark.parametrize("norm", ["FrozenBN", "BN"])
def test_a_copy_is_turned_and_its_norms_are_folded(norm):
    network, _ = make_network(["MODEL.RESNETS.NORM", norm])
    before = {name: value.clone() for name, value in network.state_dict().items()}
    copy = in_precision(network, "bfloat16")
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    convolutions = [m for m in copy.modules() if isinstance(m, nn.Conv2d)]
    assert len(convolutions) > 60
    assert all(m.weight.dtype == torch.bfloat16 for m in convolutions)
    assert all(getattr(m, "norm", None) is None for m in convolutions)
    batch = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = network.backbone(batch)
        with autocast("bfloat16", CPU):
            found = copy.backbone(batch)
    for level, features in found.items():
        assert features.dtype == torch.float32
        error = (features - expected[level]).norm() / expected[level].norm()
        assert 0 < error < 0.05, level


@pytest.mark.parametrize("engine", ENGINES)
def test_a_detector_in_bfloat16_finds_nearly_the_same(tmp_path, engine):
    network, cfg = make_network(["MODEL.ROI_HEADS.SCORE_THRESH_TEST", "0.3"])
    torch.save({"model": network.state_dict()}, tmp_path / "weights.pth")
    load = get_engine(engine).load
    exact, fast = (load(cfg, tmp_path / "weights.pth", p) for p in ("float32", "bfloat16"))
    images = [image(90, 150), image(120, 100)]
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


def test_a_gate_in_bfloat16_scores_nearly_the_same():
    torch.manual_seed(0)
    network = GateNetwork("resnet10t")
    exact, fast = (Gate(network, Preprocessing(64), precision=p) for p in ("float32", "bfloat16"))
    images = [image(90, 150), image(120, 100), image(40, 200)]
    one, other = exact(images), fast(images)
    logits, others = np.log(one / (1 - one)), np.log(other / (1 - other))
    assert 0 < np.abs(logits - others).max() < 0.1
    assert fast.model.trunk.conv1[0].weight.dtype == torch.bfloat16
    assert exact.model.trunk.conv1[0].weight.dtype == torch.float32
