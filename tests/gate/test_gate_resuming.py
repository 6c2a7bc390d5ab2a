"""A gate that is resumed with other settings, or has nothing to be validated on."""

from pathlib import Path

import pytest

from scratch_d2.gate import checkpoints
from scratch_d2.gate.train import train_gate
from tests.gate.test_gate_training import make_config, toy

__all__ = ["toy"]


def test_rates_are_taken_seed_and_batch_size_refused(tmp_path: Path, toy: dict) -> None:
    train_gate(make_config(tmp_path, EPOCHS=1))
    before = (tmp_path / "config.yaml").read_text()
    other = make_config(tmp_path, EPOCHS=2, BATCH_SIZE=4)
    other.SEED = 9
    with pytest.raises(ValueError, match="GATE.BATCH_SIZE is 4, .* has 8; SEED is 9, .* has 3"):
        train_gate(other, resume=True)
    assert (tmp_path / "config.yaml").read_text() == before
    train_gate(make_config(tmp_path, EPOCHS=2, BASE_LR=1e-5, WEIGHT_DECAY=0.5), resume=True)
    last = checkpoints.read_last(tmp_path)
    assert last["epoch"] == 2 and last["scheduler"]["base_lrs"] == [1e-5, 1e-5]
    assert {group["weight_decay"] for group in last["optimizer"]["param_groups"]} == {0, 0.5}
    assert "the learning rate 1e-05 instead of 0.0003" in (tmp_path / "log.txt").read_text()


def test_a_validation_set_without_images_is_named(tmp_path: Path, toy: dict) -> None:
    toy["toy_val"] = []
    train_gate(make_config(tmp_path, EPOCHS=1))
    text = (tmp_path / "log.txt").read_text()
    assert "DATASETS.TEST toy_val holds no image: training without validation" in text
    assert text.index("command: ") < text.index("holds no image") < text.index("iteration 2")
