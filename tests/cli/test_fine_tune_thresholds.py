"""fine-tune keeps the thresholds of the models that it starts from unless new ones are better."""

import pytest

from scratch_d2.cli.fine_tune import former_thresholds
from scratch_d2.structures.thresholds import Thresholds
from tests.commands import TINY


@pytest.mark.parametrize("saved", [True, False])
def test_the_thresholds_beside_the_first_weights_are_compared(tmp_path, saved):
    if saved:
        Thresholds().save(tmp_path)
    asked = former_thresholds(TINY, ["MODEL.WEIGHTS", str(tmp_path / "start.pth")])
    assert asked == (["--former", str(tmp_path / "thresholds.json")] if saved else [])


def test_a_start_from_nothing_has_none():
    assert former_thresholds(TINY, ["MODEL.WEIGHTS", ""]) == []


def test_the_reference_models_have_some():
    opts = ["MODEL.WEIGHTS", "weights/detector.pth"]
    assert former_thresholds("reference/pretrained.yaml", opts)[0] == "--former"
