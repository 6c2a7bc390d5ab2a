"""Weights of a ResNet-50 in a detector and back, told by what the networks compute."""

import numpy as np
import pytest
import timm
import torch
import torchvision

from scratch_d2.checkpoints.convert import convert_weights
from scratch_d2.checkpoints.loading import load_initial_weights
from scratch_d2.config import load_config
from scratch_d2.engines import get_engine
from scratch_d2.engines.embedded import MaskRCNN
from scratch_d2.gate import Gate
from scratch_d2.gate.familiarity import Familiarity
from scratch_d2.gate.network import GateNetwork
from tests.engines.parity import both_configs, fill, image
from tests.gate.gates import save_gate

WIDE = [
    *("MODEL.DEVICE", "cpu", "MODEL.RESNETS.STEM_OUT_CHANNELS", "64"),
    *("MODEL.RESNETS.RES2_OUT_CHANNELS", "256", "MODEL.RESNETS.WIDTH_PER_GROUP", "64"),
]
TINY = "quick_schedules/tiny_mask_rcnn_R_50_FPN.yaml"
IMAGES = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
SOURCES = {
    "torchvision": lambda: torchvision.models.resnet50(weights=None),
    "timm": lambda: timm.create_model("resnet50", pretrained=False),
    "gate": lambda: GateNetwork("resnet50"),
}


def stages(resnet):
    """The output of the four stages of a ResNet of timm or torchvision."""
    x = resnet.maxpool(resnet.bn1(resnet.conv1(IMAGES)).relu())
    found = []
    for layer in (resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4):
        x = layer(x)
        found.append(x)
    return found


@pytest.fixture(params=SOURCES)
def source(request, tmp_path):
    """A network with statistics of its own, and the file it was saved in."""
    torch.manual_seed(1)
    model = SOURCES[request.param]()
    for name, buffer in model.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.uniform_(0.5, 1.5)
    torch.save(model.state_dict(), tmp_path / "source.pth")
    return getattr(model, "trunk", model).eval(), tmp_path / "source.pth"


@torch.inference_mode()
def test_a_resnet_starts_a_detector_and_comes_back(source, tmp_path):
    resnet, file = source
    count = convert_weights(file, tmp_path / "new" / "start.pth", "detector")
    assert count == 53 * 5  # 53 convolutions, each with the four tensors of its norm
    model = MaskRCNN(load_config(TINY, WIDE))
    load_initial_weights(model, tmp_path / "new" / "start.pth")
    for found, expected in zip(model.eval().backbone.bottom_up(IMAGES), stages(resnet)):
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)

    torch.save({"model": model.state_dict(), "iteration": 3}, tmp_path / "detector.pth")
    convert_weights(tmp_path / "detector.pth", tmp_path / "back.pth", "resnet")
    back = torchvision.models.resnet50(weights=None)
    state = torch.load(tmp_path / "back.pth", weights_only=True)
    missing = back.load_state_dict(state, strict=False)
    assert (missing.missing_keys, missing.unexpected_keys) == (["fc.weight", "fc.bias"], [])
    for found, expected in zip(stages(back.eval()), stages(resnet)):
        torch.testing.assert_close(found, expected)


@pytest.mark.detectron2
@torch.inference_mode()
def test_detectron2_alone_loads_what_was_converted(source, tmp_path):
    from detectron2.checkpoint import DetectionCheckpointer
    from detectron2.modeling import build_model

    resnet, file = source
    convert_weights(file, tmp_path / "start.pth", "detector")
    model = build_model(both_configs(TINY, WIDE)[1]).eval()
    DetectionCheckpointer(model).load(str(tmp_path / "start.pth"))
    found = model.backbone.bottom_up(IMAGES)
    for name, expected in zip(("res2", "res3", "res4", "res5"), stages(resnet)):
        torch.testing.assert_close(found[name], expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("engine", ["embedded", pytest.param("d2", marks=pytest.mark.detectron2)])
def test_a_released_detector_is_half_as_large_and_finds_nearly_the_same(tmp_path, engine):
    cfg = load_config(TINY, ["MODEL.DEVICE", "cpu"])
    model = MaskRCNN(cfg)
    fill(model)
    torch.save({"model": model.state_dict(), "optimizer": {}}, tmp_path / "run.pth")
    convert_weights(tmp_path / "run.pth", tmp_path / "release.pth", "release")
    sizes = [(tmp_path / name).stat().st_size for name in ("run.pth", "release.pth")]
    assert sizes[1] < 0.75 * sizes[0]  # a network so narrow is half norms
    assert torch.load(tmp_path / "release.pth", weights_only=True).keys() == {"model"}
    before, after = (
        get_engine(engine).load(cfg, tmp_path / name)([image(90, 150)])[0]
        for name in ("run.pth", "release.pth")
    )
    assert len(before) == len(after) > 3
    np.testing.assert_allclose(before.scores, after.scores, atol=0.01)


def test_a_released_gate_keeps_what_it_says_of_itself_and_of_good_images(tmp_path):
    gate = save_gate(tmp_path / "gate.pth")
    features = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
    known = Familiarity.learn(features, 16)
    content = torch.load(tmp_path / "gate.pth", weights_only=True)
    content["familiarity"] = {k: torch.as_tensor(v) for k, v in known.to_dict().items()}
    torch.save(content, tmp_path / "gate.pth")
    convert_weights(tmp_path / "gate.pth", tmp_path / "release.pth", "release")
    released = Gate.load(tmp_path / "release.pth")
    np.testing.assert_allclose(
        released.familiarity.distances(features), known.distances(features), rtol=1e-5
    )
    assert released.preprocessing == gate.preprocessing and released.info["model"] == "resnet10t"
    images = [image(90, 150), image(40, 200)]
    np.testing.assert_allclose(released(images), gate(images), atol=0.01)
    assert released.model.trunk.conv1[0].weight.dtype == torch.float32


def test_what_is_no_resnet_50_is_refused(tmp_path):
    torch.save(torchvision.models.resnet18(weights=None).state_dict(), tmp_path / "r18.pth")
    with pytest.raises(ValueError, match=r"r18.pth' hold no ResNet-50.*conv1.weight.*122 tensors"):
        convert_weights(tmp_path / "r18.pth", tmp_path / "out.pth", "detector")
    with pytest.raises(ValueError, match="into 'gate'; accepted are detector, resnet, release"):
        convert_weights(tmp_path / "r18.pth", tmp_path / "out.pth", "gate")
    assert not (tmp_path / "out.pth").exists()
