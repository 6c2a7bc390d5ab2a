import pickle

import numpy as np
import pytest
import torch
from torch import nn

from scratch_d2.checkpoints.bundle import find_detector_weights
from scratch_d2.checkpoints.files import read_checkpoint
from scratch_d2.checkpoints.loading import (
    load_initial_weights,
    load_weights,
    read_detector_checkpoint,
)
from scratch_d2.checkpoints.names import resnet_to_backbone
from scratch_d2.config import load_config
from scratch_d2.gate.network import GateNetwork
from scratch_d2.structures.prediction import Prediction
from tests.builders import predict_boxes


def test_names_of_a_resnet_become_those_of_detectron2():
    names = {
        "conv1.weight": "stem.conv1.weight",
        "bn1.running_var": "stem.conv1.norm.running_var",
        "layer1.0.bn2.weight": "res2.0.conv2.norm.weight",
        "layer4.2.conv3.weight": "res5.2.conv3.weight",
        "layer2.0.downsample.0.weight": "res3.0.shortcut.weight",
        "layer2.0.downsample.1.bias": "res3.0.shortcut.norm.bias",
    }
    dropped = ["fc.weight", "fc.bias", "bn1.num_batches_tracked"]
    found = resnet_to_backbone({name: torch.zeros(1) for name in [*names, *dropped]})
    assert set(found) == {f"backbone.bottom_up.{name}" for name in names.values()}


def test_a_gate_starts_the_backbone_of_a_detector(tmp_path):
    gate = GateNetwork("resnet50")
    torch.save({"model": gate.state_dict(), "gate": {}}, tmp_path / "gate.pth")
    found = read_detector_checkpoint(tmp_path / "gate.pth")["model"]
    # 53 convolutions, each with weight and bias of its norm and the two running statistics.
    assert len(found) == 53 * 5
    assert all(name.startswith("backbone.bottom_up.") for name in found)
    assert found["backbone.bottom_up.stem.conv1.weight"].equal(gate.trunk.conv1.weight)


class Model(nn.Module):
    """A backbone and a head with the names that matter."""

    def __init__(self, width: int = 3, classes: int = 2) -> None:
        super().__init__()
        self.backbone = nn.ModuleDict({"bottom_up": nn.Linear(width, 4)})
        self.head = nn.Linear(4, classes)


def test_training_may_start_from_other_heads_but_not_from_another_backbone(tmp_path):
    torch.save({"model": Model(classes=5).state_dict()}, tmp_path / "coco.pth")
    model = Model()
    head = model.head.weight.clone()
    load_initial_weights(model, tmp_path / "coco.pth")
    saved = read_checkpoint(tmp_path / "coco.pth")["model"]
    assert torch.equal(model.backbone["bottom_up"].weight, saved["backbone.bottom_up.weight"])
    assert torch.equal(model.head.weight, head)
    with pytest.raises(ValueError, match=r"head.weight is \(5, 4\), wanted \(2, 4\)"):
        load_weights(model, tmp_path / "coco.pth")
    message = (
        r"coco.pth' are of another architecture.*bottom_up.weight is \(4, 3\), wanted \(4, 7\)"
    )
    with pytest.raises(ValueError, match=message):
        load_initial_weights(Model(width=7), tmp_path / "coco.pth")


def test_a_deeper_network_is_refused_though_it_holds_all_that_is_wanted(tmp_path):
    deeper = nn.ModuleDict(
        {"backbone": nn.ModuleDict({"bottom_up": Deeper()}), "head": Model().head}
    )
    torch.save({"model": deeper.state_dict()}, tmp_path / "deep.pth")
    for load in (load_weights, load_initial_weights):
        with pytest.raises(
            ValueError, match=r"up.more.bias is \(4,\), unknown to the model.*2 par"
        ):
            load(Model(), tmp_path / "deep.pth")


def test_caffe2_names_are_refused_and_so_is_what_shares_nothing(tmp_path):
    names = ["conv1_w", "res_conv1_bn_s", "res2_0_branch2a_w"]
    (tmp_path / "R-50.pkl").write_bytes(pickle.dumps({name: np.ones(2) for name in names}))
    with pytest.raises(ValueError, match="R-50.pkl' have Caffe2's names .conv1_w.*ENGINE d2"):
        load_initial_weights(Model(), tmp_path / "R-50.pkl")
    torch.save({"other.weight": torch.ones(1)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="share no parameter with.*hold other.weight, wanted are"):
        load_initial_weights(nn.Linear(1, 1), tmp_path / "other.pth")


class Deeper(nn.Linear):
    def __init__(self):
        super().__init__(3, 4)
        self.more = nn.Linear(4, 4)


def write_zoo(path, classes=2, protocol=2):
    """A file as those of Detectron2's model zoo: NumPy arrays, and what older ones held besides."""
    model = {name: value.numpy() for name, value in Model(classes=classes).state_dict().items()}
    model["pixel_mean"] = np.zeros((3, 1, 1), np.float32)
    model["proposal_generator.anchor_generator.cell_anchors.0"] = np.zeros((3, 4), np.float32)
    content = {"model": model, "__author__": "Detectron2 Model Zoo", "iteration": np.int64(9)}
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return model


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_weights_of_the_model_zoo(tmp_path, protocol):
    arrays, model = write_zoo(tmp_path / "zoo.pkl", protocol=protocol), Model()
    load_weights(model, tmp_path / "zoo.pkl")
    np.testing.assert_array_equal(model.head.weight.detach(), arrays["head.weight"])
    arrays = write_zoo(tmp_path / "coco.pkl", classes=81)
    with pytest.raises(ValueError, match=r"coco.pkl' are of another .*head.weight is \(81, 4\)"):
        load_weights(model, tmp_path / "coco.pkl")
    load_initial_weights(model, tmp_path / "coco.pkl")
    found = model.backbone["bottom_up"].weight.detach()
    np.testing.assert_array_equal(found, arrays["backbone.bottom_up.weight"])


@pytest.mark.parametrize("module", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
def test_the_zoo_was_pickled_by_older_numpy(tmp_path, module):
    write_zoo(tmp_path / "zoo.pkl")
    content = (tmp_path / "zoo.pkl").read_bytes()
    known = b"numpy._core.multiarray" if b"numpy._core" in content else b"numpy.core.multiarray"
    (tmp_path / "zoo.pkl").write_bytes(content.replace(known, module))
    assert len(read_checkpoint(tmp_path / "zoo.pkl")["model"]) == 6


def test_weights_as_safetensors(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    saved, model = Model().state_dict(), Model()
    safetensors.save_file(saved, tmp_path / "model.safetensors")
    load_weights(model, tmp_path / "model.safetensors")
    assert torch.equal(model.head.weight, saved["head.weight"])


class Payload:
    def __reduce__(self):
        return (print, ("this must never run",))


@pytest.mark.parametrize("name", ["model.pkl", "model.pth"])
def test_a_pickle_that_needs_more_than_tensors_is_refused(tmp_path, name, capsys):
    content = {"model": {"weight": Payload()}}
    (tmp_path / name).write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match=f"{name}' cannot be read as a checkpoint of tensors"):
        read_checkpoint(tmp_path / name)
    torch.save(content, tmp_path / "zip.pth")
    with pytest.raises(ValueError, match="zip.pth' cannot be read as a checkpoint of tensors"):
        read_checkpoint(tmp_path / "zip.pth")
    assert "never" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["cut.pkl", "cut.pth", "cut.safetensors"])
def test_a_broken_file_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x80\x02}q\x00(X\x05")
    with pytest.raises(ValueError, match=f"{name}' cannot be read as a checkpoint of tensors"):
        read_checkpoint(tmp_path / name)
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(ValueError, match="list.pth' hold no state dict"):
        read_checkpoint(tmp_path / "list.pth")


def test_which_weights_are_taken(tmp_path):
    cfg = load_config(None, ["OUTPUT_DIR", str(tmp_path)])
    with pytest.raises(FileNotFoundError, match="no weights for the detector.*MODEL.WEIGHTS"):
        find_detector_weights(cfg)
    cfg.MODEL.WEIGHTS = "start.pth"
    assert find_detector_weights(cfg).name == "start.pth"
    (tmp_path / "model_final.pth").touch()
    assert find_detector_weights(cfg).name == "model_final.pth"
    (tmp_path / "model_best.pth").touch()
    assert find_detector_weights(cfg).name == "model_best.pth"
    assert find_detector_weights(cfg, ["MODEL.WEIGHTS", "start.pth"]).name == "start.pth"


def broken(**changes):
    fine = predict_boxes(10, 12, {(1, 1, 5, 5): 0.9, (2, 2, 6, 6): 0.5})
    values = {name: getattr(fine, name) for name in ("boxes", "scores", "masks")}
    return Prediction(10, 12, **{**values, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"boxes": np.zeros((2, 3), np.float32)}, r"shape \(2, 4\), one per score"),
        ({"boxes": np.zeros((2, 4))}, "but got float64"),
        ({"boxes": np.full((2, 4), np.nan, np.float32)}, "must be finite"),
        ({"scores": np.array([0.5, 0.9], np.float32)}, "0..1 and descend"),
        ({"scores": np.array([1.5, 0.9], np.float32)}, "0..1 and descend"),
        ({"masks": []}, r"masks must be 2 RLEs of size \[10, 12\]"),
    ],
)
def test_a_prediction_is_checked_where_it_is_made(changes, message):
    assert len(broken()) == 2
    with pytest.raises(ValueError, match=message):
        broken(**changes)
