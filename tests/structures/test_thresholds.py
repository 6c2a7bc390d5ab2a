import json
import logging
import math
import re

import pytest
from fvcore.common.config import CfgNode
from hypothesis import given
from hypothesis import strategies as st

from scratch_d2.checkpoints.resolve import adopt_saved_thresholds
from scratch_d2.config import load_config
from scratch_d2.structures.thresholds import RULES, Thresholds, read_thresholds
from scratch_d2.utils.files import file_sha256

FILE = "thresholds.json"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"area_method": "length"}, "'length' in 'pixel'; accepted are contour, pixel"),
        ({"score": 1.2}, "score is 1.2; accepted is a number in 0..1"),
        ({"gate_skip": math.nan}, "gate_skip is nan; accepted is a number in 0..1"),
        ({"area": -1}, "area is -1; accepted is a number from 0 on"),
        ({"area": math.inf}, "area is inf"),
        ({"area": "500"}, "area is '500'"),
        ({"score": True}, "score is True"),
        ({"review_band": (5, 4)}, r"review_band is \(5, 4\); accepted are two areas, the lower"),
        ({"review_band": (5, math.nan)}, "review_band is"),
        ({"review_band": (5,)}, "review_band is"),
    ],
)
def test_a_threshold_that_means_nothing_is_refused(values, said):
    with pytest.raises(ValueError, match=said):
        Thresholds(**values)


@given(st.floats(0, 1), st.floats(0, 1e6), st.floats(0, 1), st.booleans())
def test_what_is_saved_is_read_to_the_last_digit(tmp_path_factory, score, area, skip, band):
    folder = tmp_path_factory.mktemp("saved")
    saved = Thresholds(score, area, review_band=(area / 3, area) if band else None, gate_skip=skip)
    saved.save(folder, {"goal": "f1", "data_sha256": "ab"})
    assert read_thresholds(folder / FILE) == (saved, {"goal": "f1", "data_sha256": "ab"})
    assert Thresholds.load(folder / FILE) == saved
    saved.save(folder)
    assert read_thresholds(folder / FILE) == (saved, {})


def test_the_rule_seed_is_the_one_of_the_former_system():
    seed = RULES["seed"]
    assert (seed.score, seed.area) == (0.5, 500.5)
    assert (seed.area_method, seed.area_unit) == ("contour", "pixel")
    assert seed.gate_skip == 0 and seed.review_band is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"scores": 1}', r"unknown keys \['scores'\]"),
        ("[]", "a dict is expected"),
        ("no json", "Expecting value"),
        ('{"score": 7}', "score is 7"),
        ('{"area": NaN}', "area is nan"),
        ('{"area": 1e999}', "area is inf"),
        ('{"gate_skip": "0.05"}', "gate_skip is '0.05'"),
        ('{"review_band": 5}', "review_band is 5"),
        ('{"review_band": [1, "2"]}', "review_band is"),
        ('{"calibration": []}', r"calibration is \[\]; accepted is a dict"),
        ('{"calibration": {"data_sha256": 5}}', "calibration.data_sha256 is 5; accepted is text"),
    ],
)
def test_a_damaged_file_of_thresholds_is_named(tmp_path, content, said):
    (tmp_path / FILE).write_text(content)
    with pytest.raises(ValueError, match=rf"thresholds\.json: not a file of thresholds \(.*{said}"):
        Thresholds.load(tmp_path / FILE)


def test_a_file_of_before_is_read(tmp_path):
    (tmp_path / FILE).write_text('{"area": 20, "review_band": []}')
    assert Thresholds.load(tmp_path / FILE) == Thresholds(area=20)


def test_saved_thresholds_go_before_the_config_and_options_before_both(tmp_path):
    Thresholds(score=0.7, area=123.0, review_band=(50, 123)).save(tmp_path)
    opts = ["SCRATCH.SCORE_THRESHOLD", "0.6"]
    cfg = load_config(None, opts)
    adopt_saved_thresholds(cfg, tmp_path / "model_final.pth", opts)
    expected = Thresholds(score=0.6, area=123.0, review_band=(50, 123))
    assert Thresholds.from_config(cfg) == expected
    adopt_saved_thresholds(cfg, tmp_path / "elsewhere" / "model.pth")
    assert Thresholds.from_config(cfg) == expected


@pytest.fixture
def log(caplog, monkeypatch) -> pytest.LogCaptureFixture:
    """What the package logs, whether or not a training has set its logger up before."""
    monkeypatch.setattr(logging.getLogger("scratch_d2"), "propagate", True)
    return caplog


@pytest.fixture
def calibrated(tmp_path) -> CfgNode:
    """A config with a gate; beside it weights, and thresholds calibrated for both."""
    (tmp_path / "model.pth").write_bytes(b"detector")
    (tmp_path / "gate.pth").write_bytes(b"gate")
    hashes = {"weights_sha256": "model.pth", "gate_sha256": "gate.pth"}
    block = {key: file_sha256(tmp_path / name) for key, name in hashes.items()}
    Thresholds(area=7).save(tmp_path, {**block, "data_sha256": "ab", "dataset": "labels_val"})
    return load_config(None, ["GATE.WEIGHTS", str(tmp_path / "gate.pth")])


def test_calibrated_thresholds_say_on_which_images(calibrated, tmp_path, log):
    adopt_saved_thresholds(calibrated, tmp_path / "model.pth")
    assert calibrated.SCRATCH.CALIBRATED_ON == "ab" and calibrated.SCRATCH.AREA_THRESHOLD == 7
    assert not log.messages
    Thresholds().save(tmp_path)
    adopt_saved_thresholds(calibrated, tmp_path / "model.pth")
    assert calibrated.SCRATCH.CALIBRATED_ON == ""


@pytest.mark.parametrize(
    ("detector", "gate", "said"),
    [
        (b"other", b"gate", r"another checkpoint than \S+model.pth; run tools/calibrate.py again"),
        (b"detector", b"other", r"another gate than \S+gate.pth; run"),
        (
            b"other",
            b"other",
            r"another checkpoint than \S+ and for another gate than \S+gate.pth; run",
        ),
        (b"detector", None, "calibrated for use with a gate, and GATE.WEIGHTS names none; run"),
    ],
)
def test_other_weights_than_calibrated_are_told_once(
    calibrated, tmp_path, log, detector, gate, said
):
    (tmp_path / "model.pth").write_bytes(detector)
    (tmp_path / "gate.pth").write_bytes(gate or b"")
    calibrated.GATE.ENABLED = gate is not None
    adopt_saved_thresholds(calibrated, tmp_path / "model.pth")
    (message,) = log.messages
    assert re.search(said, message)


def test_training_anew_replaces_calibrated_thresholds_and_says_so(calibrated, tmp_path, log):
    Thresholds.from_config(calibrated).save(tmp_path)
    assert "the thresholds calibrated on labels_val are replaced" in log.messages[0]
    assert "calibration" not in json.loads((tmp_path / FILE).read_text())
    Thresholds(area=9).save(tmp_path)
    assert len(log.messages) == 1
