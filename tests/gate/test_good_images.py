"""What training adds to the checkpoints of a gate about Good images."""

import logging

import numpy as np
import pytest

from scratch_d2.config import load_config
from scratch_d2.gate.good_images import add_familiarity
from scratch_d2.gate.model import Gate
from tests.builders import draw_label, save
from tests.gate.gates import save_gate

CFG = load_config(None, ["MODEL.DEVICE", "cpu"])


@pytest.fixture(scope="module")
def dicts(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("labels"), np.random.default_rng(0)
    files = [save(draw_label(rng), folder / f"{index}.png") for index in range(40)]
    return [{"file_name": str(file), "verdict": "good"} for file in files]


def test_checkpoints_learn_what_good_images_look_like(dicts, tmp_path):
    weights = [tmp_path / "model_final.pth", tmp_path / "model_best.pth"]
    for path in weights:
        save_gate(path)
    add_familiarity(weights, CFG, dicts)
    random = np.random.default_rng(1)
    noise = random.integers(0, 256, (64, 96, 3), dtype=np.uint8)
    for gate in map(Gate.load, weights):
        known = gate.familiarity
        near, far = known.distances(gate.look([draw_label(random), noise]).features)
        assert near < known.limit < far


def test_few_good_images_leave_the_checkpoint(dicts, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("scratch_d2"), "propagate", True)
    path = tmp_path / "model_final.pth"
    save_gate(path)
    before = path.read_bytes()
    bad = [{**item, "verdict": "bad"} for item in dicts]
    add_familiarity([path], CFG, [*dicts[:10], *bad])
    assert path.read_bytes() == before and Gate.load(path).familiarity is None
    assert "10 Good images are too few" in caplog.text
