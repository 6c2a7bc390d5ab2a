"""Scoring: geometry, independence of the batch, what a checkpoint carries and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from scratch_d2.engines.weights.names import resnet_to_backbone
from scratch_d2.gate import Gate, Preprocessing
from scratch_d2.gate.network import GateNetwork
from tests.gate.gates import make_gate, save_gate

IMAGES = [
    np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)
    for seed, shape in enumerate([(48, 80), (200, 90), (64, 64), (5, 300), (33, 31)])
]


@pytest.mark.parametrize(
    ("shape", "inner"),
    [
        ((50, 100), (16, 48, 0, 64)),
        ((256, 128), (0, 64, 16, 48)),
        ((16, 32), (16, 48, 0, 64)),
        ((1, 1000), (31, 32, 0, 64)),
        ((10, 10), (0, 64, 0, 64)),
    ],
)
def test_letterbox_centres_and_keeps_the_aspect(shape: tuple, inner: tuple) -> None:
    square = Preprocessing(64, fill=255).letterbox(np.full((*shape, 3), 90, np.uint8))
    top, bottom, left, right = inner
    expected = np.full((64, 64, 3), 255, np.uint8)
    expected[top:bottom, left:right] = 90
    np.testing.assert_array_equal(square, expected)


def test_letterbox_of_a_square_of_the_right_size_is_a_copy() -> None:
    square = Preprocessing(64).letterbox(IMAGES[2])
    np.testing.assert_array_equal(square, IMAGES[2])
    assert not np.shares_memory(square, IMAGES[2])


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3), np.float32),
        np.zeros((0, 8, 3), np.uint8),
        [[1, 2, 3]],
    ],
)
def test_letterbox_refuses_other_arrays(image: object) -> None:
    with pytest.raises(ValueError, match="HxWx3 uint8 RGB, but got"):
        Preprocessing(64).letterbox(image)


def test_normalise_uses_the_statistics_of_imagenet() -> None:
    grey = torch.full((1, 3, 2, 2), 255, dtype=torch.uint8)
    expected = [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    assert Preprocessing(2).normalise(grey)[0, :, 0, 0].tolist() == pytest.approx(expected)


def test_scores_do_not_depend_on_the_batch() -> None:
    gate = make_gate()
    batched = gate(IMAGES)
    assert batched.dtype == np.float32 and batched.shape == (5,)
    assert np.ptp(batched) > 1e-4
    single = np.concatenate([gate([image]) for image in IMAGES])
    np.testing.assert_allclose(batched, single, atol=1e-6)
    np.testing.assert_allclose(gate(IMAGES[::-1]), batched[::-1], atol=1e-6)
    assert gate([]).shape == (0,) and gate([]).dtype == np.float32


def test_a_checkpoint_scores_alike_and_brings_its_preprocessing(tmp_path: Path) -> None:
    gate = save_gate(tmp_path / "gate.pth", size=96)
    loaded = Gate.load(tmp_path / "gate.pth")
    assert loaded.preprocessing == gate.preprocessing != Preprocessing()
    np.testing.assert_array_equal(loaded(IMAGES), Gate(gate.model, gate.preprocessing)(IMAGES))


def test_preprocessing_survives_its_dictionary() -> None:
    made = Preprocessing(96, (0.1, 0.2, 0.3), (1.0, 2.0, 3.0), 7)
    assert Preprocessing.from_dict(json.loads(json.dumps(made.to_dict()))) == made
    with pytest.raises(ValueError, match="known are image_size"):
        Preprocessing.from_dict({"image_size": 96, "crop": 0.9})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"model": {"backbone.bottom_up.x": torch.zeros(1)}}, "a detector's checkpoint"),
        ({"conv1.weight": torch.zeros(1)}, "without the gate's preprocessing"),
        ({"model": {}, "gate": {"model": "x", "preprocessing": {}}}, "'x' is no model of timm"),
        ({"model": {}, "gate": {"model": "resnet10t", "preprocessing": {}}}, "do not fit"),
        ([1], "hold no state dict"),
    ],
)
def test_other_checkpoints_are_refused(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "other.pth"
    torch.save(content, path)
    with pytest.raises(ValueError, match=message) as caught:
        Gate.load(path)
    assert "other.pth" in str(caught.value)


def test_a_missing_checkpoint_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="nowhere.pth"):
        Gate.load("nowhere.pth")


@pytest.mark.parametrize("name", ["resnet_50", "hf-hub:timm/resnet50.a1_in1k"])
def test_an_unknown_network_is_refused_without_network(name: str) -> None:
    with pytest.raises(ValueError, match="is no model of timm"):
        GateNetwork(name)


def test_a_failed_download_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no route to host")

    monkeypatch.setattr("timm.create_model", fail)
    with pytest.raises(OSError, match="no route to host.*set GATE.PRETRAINED False"):
        GateNetwork("resnet50", pretrained=True)


def test_resnet50_names_every_tensor_of_the_detectors_backbone() -> None:
    renamed = resnet_to_backbone(GateNetwork("resnet50").trunk.state_dict())
    prefix, norm = "backbone.bottom_up.", ("weight", "bias", "running_mean", "running_var")
    convs = ["stem.conv1"]
    for stage, blocks in enumerate((3, 4, 6, 3), start=2):
        convs += [f"res{stage}.{b}.conv{c}" for b in range(blocks) for c in (1, 2, 3)]
        convs += [f"res{stage}.0.shortcut"]
    wanted = {f"{prefix}{conv}.weight" for conv in convs}
    wanted |= {f"{prefix}{conv}.norm.{part}" for conv in convs for part in norm}
    assert set(renamed) == wanted
    # The stride stands in the 3x3 convolution, as with STRIDE_IN_1X1 False.
    assert renamed[f"{prefix}res3.0.conv2.weight"].shape == (128, 128, 3, 3)
