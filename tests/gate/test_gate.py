"""Scoring: geometry, independence of the batch, what a checkpoint carries and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from scratch_d2.checkpoints.loading import load_initial_weights
from scratch_d2.checkpoints.names import resnet_to_backbone
from scratch_d2.config import load_config
from scratch_d2.engines.embedded.model import MaskRCNN
from scratch_d2.gate import Gate, Preprocessing
from scratch_d2.gate.network import GateNetwork
from tests.gate.gates import make_gate, save_gate

IMAGES = [
    np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)
    for seed, shape in enumerate([(48, 80), (200, 90), (64, 64), (5, 300), (33, 31)])
]


@pytest.mark.parametrize(
    ("shape", "height", "inner"),
    [
        ((50, 100), 32, (0, 32)),
        ((60, 100), 64, (13, 51)),
        ((256, 128), 32, (0, 32)),
        ((128, 110), 64, (4, 59)),
        ((1, 1000), 32, (15, 16)),
        ((10, 10), 64, (0, 64)),
    ],
)
def test_letterbox_centres_and_keeps_the_aspect(shape: tuple, height: int, inner: tuple) -> None:
    preprocessing = Preprocessing(64, fill=255)
    letterboxed = preprocessing.letterbox(np.full((*shape, 3), 90, np.uint8))
    expected = np.full((height, 64, 3), 255, np.uint8)
    expected[slice(*inner)] = 90
    np.testing.assert_array_equal(letterboxed, expected)
    assert preprocessing.height_of(*shape) == height


def test_what_stands_is_turned_and_its_mask_with_it() -> None:
    image = np.full((64, 20, 3), 200, np.uint8)
    image[:10] = 30  # the upper end comes to lie on the left
    letterboxed = Preprocessing(64).letterbox(image)
    assert letterboxed.shape == (32, 64, 3)
    np.testing.assert_array_equal(
        letterboxed[6:26, :, 0] < 100, np.tile(np.arange(64) < 10, (20, 1))
    )
    mask = Preprocessing(64).letterbox_mask(image[..., 0] < 100)
    np.testing.assert_array_equal(mask > 127, letterboxed[..., 0] < 100)


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


def test_embeddings_do_not_depend_on_the_batch() -> None:
    gate = make_gate()
    together = gate.embed(IMAGES)
    assert together.shape == (5, 512) and together.dtype == np.float32
    alone = np.concatenate([gate.embed([image]) for image in IMAGES])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, rtol=1e-5)
    assert np.abs(together[0] - together[1]).max() > 1e-3
    assert gate.embed([]).shape == (0, 512)


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


def test_a_narrow_resnet50_fits_a_narrow_detector(tmp_path: Path) -> None:
    config = "configs/reference/mask_rcnn_R_50_half_FPN.yaml"
    cfg = load_config(config, ["SCRATCH.ENGINE", "embedded"])
    torch.manual_seed(0)
    network = GateNetwork("resnet50", width=cfg.GATE.WIDTH)
    path = tmp_path / "gate.pth"
    info = {
        "model": "resnet50",
        "width": cfg.GATE.WIDTH,
        "preprocessing": Preprocessing().to_dict(),
    }
    torch.save({"model": network.state_dict(), "gate": info}, path)
    assert Gate.load(path).model.trunk.num_features == 1024
    model = MaskRCNN(cfg)
    load_initial_weights(model, path)
    filters = model.backbone.bottom_up.res4[5].conv2.weight
    torch.testing.assert_close(filters, network.trunk.layer3[5].conv2.weight)


@pytest.mark.parametrize(
    ("name", "pretrained", "message"),
    [
        ("resnet50", True, "GATE.WIDTH is 0.5, but pretrained weights are of width 1"),
        ("convnext_atto", False, "GATE.WIDTH is 0.5, which 'convnext_atto' does not know"),
    ],
)
def test_a_width_that_cannot_be_is_refused(name: str, pretrained: bool, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GateNetwork(name, pretrained, width=0.5)


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


def test_parameters_have_the_names_of_released_weights() -> None:
    names = GateNetwork("resnet10t").state_dict()
    assert {name.split(".")[0] for name in names} == {"trunk", "heads"}
    assert {"trunk.fc.weight", "heads.0.weight", "heads.1.bias"} <= names.keys()


def test_mean_and_deviation_are_those_of_timm():
    from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

    assert (Preprocessing().mean, Preprocessing().std) == (
        IMAGENET_DEFAULT_MEAN,
        IMAGENET_DEFAULT_STD,
    )
