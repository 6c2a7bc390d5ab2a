"""Gates with random weights, small enough for tests."""

from pathlib import Path

import torch

from scratch_d2.gate import Gate, Preprocessing
from scratch_d2.gate.network import GateNetwork

SIZE = 64


def make_gate(size: int = SIZE, seed: int = 0) -> Gate:
    torch.manual_seed(seed)
    return Gate(GateNetwork("resnet10t"), Preprocessing(size), batch_size=3)


def save_gate(path: Path, size: int = SIZE) -> Gate:
    gate = make_gate(size)
    info = {"preprocessing": gate.preprocessing.to_dict(), "model": "resnet10t"}
    torch.save({"model": gate.model.state_dict(), "gate": info}, path)
    return gate
