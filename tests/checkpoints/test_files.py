"""Files that hold no weights, wrapped weights, or values that are not numbers."""

import argparse

import numpy as np
import pytest
import torch

from scratch_d2.checkpoints.convert import convert_weights
from scratch_d2.checkpoints.files import read_checkpoint
from scratch_d2.checkpoints.names import to_detectron2
from scratch_d2.gate import Gate
from tests.gate.gates import save_gate

TENSORS = {"backbone.a.weight": torch.ones(2), "head.bias": torch.zeros(3)}


@pytest.mark.parametrize("key", ["model", "state_dict", "model_state_dict", "model_state"])
def test_weights_are_found_in_an_entry_of_the_file(tmp_path, key):
    torch.save({key: TENSORS, "epoch": 3}, tmp_path / "a.pth")
    content = read_checkpoint(tmp_path / "a.pth")
    assert content["model"].keys() == TENSORS.keys() and content["epoch"] == 3


@pytest.mark.parametrize("wrapper", ["module.", "_orig_mod.", "model.", "module._orig_mod."])
def test_wrappers_are_dropped(tmp_path, wrapper):
    torch.save({"model": {wrapper + k: v for k, v in TENSORS.items()}}, tmp_path / "a.pth")
    assert read_checkpoint(tmp_path / "a.pth")["model"].keys() == TENSORS.keys()


def test_parts_that_were_compiled_and_a_gate_of_several_gpus(tmp_path):
    torch.save({"backbone._orig_mod.a.weight": torch.ones(1)}, tmp_path / "part.pth")
    assert list(read_checkpoint(tmp_path / "part.pth")["model"]) == ["backbone.a.weight"]
    gate = save_gate(tmp_path / "gate.pth")
    content = torch.load(tmp_path / "gate.pth", weights_only=True)
    content["model"] = {f"module.{name}": value for name, value in content["model"].items()}
    torch.save(content, tmp_path / "ddp.pth")
    image = np.full((40, 60, 3), 90, np.uint8)
    assert Gate.load(tmp_path / "ddp.pth")([image]) == pytest.approx(gate([image]))


def test_only_a_prefix_of_all_names_is_a_wrapper():
    names = ["module.weight", "head.weight"]
    assert list(to_detectron2(dict.fromkeys(names, torch.ones(1)))) == names


class Payload:
    def __reduce__(self):
        return (print, ("this must never run",))


def write_text(text):
    return lambda path: path.write_text(text)


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (write_text("version https://git-lfs.github.com/spec/v1\nsize 9\n"), "a Git LFS pointer"),
        (write_text(""), "the file is empty"),
        (write_text("\n<!DOCTYPE html><html></html>"), "are a web page"),
        (write_text("hello world"), "of another format or damaged"),
        (write_text("PK\x03\x04 cut"), "zip archive"),
        (lambda path: torch.save({"model": {}, "a": Payload()}, path), "needs .*print, which"),
        (lambda path: torch.save(argparse.Namespace(), path), "needs argparse.Namespace, which"),
        (lambda path: torch.save(torch.nn.Linear(1, 1), path), "needs torch.*Linear, which could"),
        (lambda path: torch.save([1], path), "no state dict but a list"),
        (lambda path: torch.save({"a": 1, "b": 2}, path), "no state dict but a, b; expected"),
    ],
)
def test_what_is_no_checkpoint_is_called_what_it_is(tmp_path, write, words, capsys):
    write(tmp_path / "odd.pth")
    with pytest.raises(ValueError, match=rf"weights '.*odd.pth'.*{words}") as caught:
        read_checkpoint(tmp_path / "odd.pth")
    assert "weights_only" not in str(caught.value) and "trust" not in str(caught.value)
    assert "never" not in capsys.readouterr().out


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), -1e20])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_weights_that_are_no_numbers_are_refused_by_name(tmp_path, value, dtype):
    torch.save({**TENSORS, "fpn.weight": torch.tensor([1, value], dtype=dtype)}, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"a.pth': fpn.weight holds values that are no finite"):
        read_checkpoint(tmp_path / "a.pth")


def test_a_gate_of_such_weights_or_such_scores_is_refused(tmp_path):
    gate = save_gate(tmp_path / "gate.pth")
    content = torch.load(tmp_path / "gate.pth", weights_only=True)
    name = next(name for name in content["model"] if name.endswith("weight"))
    content["model"][name] = torch.full_like(content["model"][name], torch.nan)
    torch.save(content, tmp_path / "nan.pth")
    with pytest.raises(ValueError, match=f"nan.pth': {name} holds values"):
        Gate.load(tmp_path / "nan.pth")
    gate.model.judge = lambda *_: [torch.tensor([[[0.0]], [[torch.nan]]])]
    with pytest.raises(FloatingPointError, match="score of image 1 is nan"):
        gate([np.full((40, 60, 3), 90, np.uint8)] * 2)


def test_a_release_never_overflows(tmp_path):
    torch.save({"model": {"a.weight": torch.full((2, 2), 1e6)}}, tmp_path / "big.pth")
    convert_weights(tmp_path / "big.pth", tmp_path / "out.pth", "release")
    assert read_checkpoint(tmp_path / "out.pth")["model"]["a.weight"][0, 0] == 1e6
