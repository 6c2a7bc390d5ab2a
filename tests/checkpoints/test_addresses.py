"""Weights by address: through Detectron2 where it is, else a sentence."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch

import scratch_d2.checkpoints.addresses as addresses
from scratch_d2.checkpoints.bundle import find_detector_weights
from scratch_d2.checkpoints.files import read_checkpoint
from scratch_d2.config import load_config

ZOO = "detectron2://ImageNetPretrained/torchvision/R-50.pkl"
PAGE = "https://dl.fbaipublicfiles.com/detectron2/ImageNetPretrained/torchvision/R-50.pkl"


@pytest.mark.parametrize(("address", "page"), [(ZOO, PAGE), ("https://a.org/b.pth",) * 2])
def test_without_detectron2_one_is_told_what_to_download(monkeypatch, address, page):
    monkeypatch.setattr(addresses, "detectron2_installed", lambda: False)
    with pytest.raises(ValueError, match=f"'{address}' need Detectron2.*; download {page} and"):
        read_checkpoint(address)


@pytest.fixture
def path_manager(monkeypatch):
    """A Detectron2 of which nothing is there but its PathManager."""
    manager = SimpleNamespace()
    for name in ("detectron2.checkpoint", "detectron2.utils", "detectron2"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "detectron2.checkpoint.catalog", ModuleType("catalog"))
    file_io = SimpleNamespace(PathManager=manager)
    monkeypatch.setitem(sys.modules, "detectron2.utils.file_io", file_io)
    monkeypatch.setattr(addresses, "detectron2_installed", lambda: True)
    return manager


def test_detectron2_fetches_an_address(path_manager, tmp_path):
    torch.save({"a": torch.ones(1)}, tmp_path / "kept.pth")
    path_manager.get_local_path = {ZOO: str(tmp_path / "kept.pth")}.__getitem__
    assert read_checkpoint(ZOO)["model"]["a"] == 1
    cfg = load_config(None, ["OUTPUT_DIR", str(tmp_path), "MODEL.WEIGHTS", ZOO])
    assert find_detector_weights(cfg) == tmp_path / "kept.pth"


def test_a_failed_download_says_what_to_do(path_manager):
    def fail(address):
        raise RuntimeError("no route\nto host")

    path_manager.get_local_path = fail
    with pytest.raises(
        OSError, match=f"'{ZOO}' cannot be fetched .no route to host.; downl.*{PAGE}"
    ):
        read_checkpoint(ZOO)


@pytest.mark.detectron2
def test_detectron2_knows_the_addresses_of_its_zoo(monkeypatch, tmp_path):
    from detectron2.utils.file_io import PathManager

    torch.save({"a": torch.ones(1)}, tmp_path / "kept.pth")
    file = f"file://{tmp_path / 'kept.pth'}"
    asked = []
    real = PathManager.get_local_path
    monkeypatch.setattr(
        PathManager, "get_local_path", lambda path: asked.append(path) or real(file[7:])
    )
    assert addresses.local_file(ZOO) == tmp_path / "kept.pth"
    assert asked == [ZOO]


def test_the_home_folder_is_found(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert addresses.local_file("~/a.pth") == tmp_path / "a.pth"
