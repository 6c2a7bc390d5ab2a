import json
import logging
import re
from dataclasses import replace
from pathlib import Path

import pytest
from fvcore.common.config import CfgNode

from scratch_d2.checkpoints.bundle import (
    ModelBundle,
    override_thresholds,
    resolve_bundle,
    thresholds_from_config,
)
from scratch_d2.config import load_config
from scratch_d2.structures.thresholds import THRESHOLDS_FILE, Thresholds
from scratch_d2.utils.files import file_sha256

LIMIT = ["SCRATCH.AREA_THRESHOLD", "0.3"]
# The thresholds of a config that states none.
DEFAULT = Thresholds(area=0.01, area_unit="fraction")


@pytest.fixture
def log(caplog, monkeypatch) -> pytest.LogCaptureFixture:
    """What the package logs, whether or not a training has set its logger up before."""
    monkeypatch.setattr(logging.getLogger("scratch_d2"), "propagate", True)
    return caplog


def test_saved_thresholds_override_the_config_and_options_override_both(tmp_path):
    Thresholds(score=0.7, area=123.0, review_band=(50, 123)).save(tmp_path)
    opts = ["SCRATCH.SCORE_THRESHOLD", "0.6", "MODEL.WEIGHTS", str(tmp_path / "model_final.pth")]
    bundle = resolve_bundle(load_config(None, opts), opts)
    assert bundle.thresholds == Thresholds(score=0.6, area=123.0, review_band=(50, 123))
    opts[3] = str(tmp_path / "elsewhere" / "model.pth")
    assert resolve_bundle(load_config(None, opts), opts).thresholds == replace(DEFAULT, score=0.6)


def test_a_bundle_holds_all_that_a_config_names_and_leaves_the_config_alone(tmp_path):
    for folder in ("detector", "gate"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "splits.json").touch()
        (tmp_path / folder / "model.pth").write_bytes(folder.encode())
    weights = [tmp_path / folder / "model.pth" for folder in ("detector", "gate")]
    cfg = load_config(None, ["MODEL.WEIGHTS", str(weights[0]), "GATE.WEIGHTS", str(weights[1])])
    cfg.freeze()
    bundle = resolve_bundle(cfg)
    assert bundle == ModelBundle(
        *weights,
        DEFAULT,
        tmp_path / "detector" / "splits.json",
        tmp_path / "gate" / "splits.json",
    )
    hashes = [file_sha256(path) for path in weights]
    assert bundle.hash_weights() == dict(zip(("weights_sha256", "gate_sha256"), hashes))


def test_a_model_id_tells_weights_and_thresholds_apart(tmp_path):
    for name in ("one", "copy", "other"):
        (tmp_path / name).write_bytes(name[:2].encode() if name != "copy" else b"on")
    one, copy, other = (tmp_path / name for name in ("one", "copy", "other"))
    bundle = ModelBundle(one, other, Thresholds())
    assert re.fullmatch("[0-9a-f]{12}", bundle.model_id())
    assert ModelBundle(copy, other, Thresholds()).model_id() == bundle.model_id()
    others = [
        ModelBundle(other, one, Thresholds()),
        ModelBundle(one, None, Thresholds()),
        ModelBundle(one, other, Thresholds(score=0.4)),
        ModelBundle(one, other, Thresholds(gate_upper_threshold=0.9)),
        ModelBundle(one, other, Thresholds(area_unit="mm2", pixels_per_mm=8.0)),
        ModelBundle(one, other, Thresholds(area_scaling="odds")),
    ]
    assert len({bundle.model_id(), *(o.model_id() for o in others)}) == 7


def test_a_model_id_stays_with_later_versions(tmp_path):
    (tmp_path / "one").write_bytes(b"one")
    thresholds = Thresholds(0.5, 717.0, "contour", "pixel", None, 0.72)
    bundle = ModelBundle(tmp_path / "one", None, thresholds)
    assert bundle.model_id() == "fa9213c5c20f"


def test_without_a_gate_or_records_a_bundle_says_so(tmp_path):
    opts = ["MODEL.WEIGHTS", "model.pth", "GATE.WEIGHTS", "gate.pth", "GATE.ENABLED", "False"]
    bundle = resolve_bundle(load_config(None, opts), opts)
    assert bundle == ModelBundle(Path("model.pth"), None, DEFAULT)


@pytest.mark.parametrize(
    ("opts", "area", "unit"),
    [
        ([], 0.01, "fraction"),
        (["SCRATCH.PIXELS_PER_MM", "20"], 1.0, "mm2"),
        (["SCRATCH.AREA_UNIT", "pixel"], 500.0, "pixel"),
        (["SCRATCH.AREA_UNIT", "fraction", "SCRATCH.PIXELS_PER_MM", "20"], 0.01, "fraction"),
        (["SCRATCH.AREA_UNIT", "mm2", "SCRATCH.PIXELS_PER_MM", "20", *LIMIT], 0.3, "mm2"),
    ],
)
def test_the_unit_of_areas_and_its_default_threshold(opts, area, unit):
    thresholds = thresholds_from_config(load_config(None, opts))
    assert (thresholds.area, thresholds.area_unit) == (area, unit)


@pytest.mark.parametrize(
    ("opts", "message"),
    [
        (["SCRATCH.AREA_THRESHOLD", "400"], "400 of the image; .*needs SCRATCH.AREA_UNIT pixel"),
        (["SCRATCH.AREA_UNIT", "mm2"], "areas in mm2 need SCRATCH.PIXELS_PER_MM"),
    ],
)
def test_areas_that_mean_nothing_in_their_unit_are_refused(opts, message):
    with pytest.raises(ValueError, match=message):
        thresholds_from_config(load_config(None, opts))


def test_an_area_threshold_stays_in_the_unit_of_its_file():
    opts = ["SCRATCH.AREA_THRESHOLD", "400"]
    cfg = load_config(None, opts)
    assert override_thresholds(Thresholds(area=700.0), cfg, opts) == Thresholds(area=400.0)


def test_an_area_threshold_in_pixels_is_accepted_for_weights_whose_thresholds_are_in_pixels(
    tmp_path,
):
    Thresholds(area=700.0).save(tmp_path)
    opts = ["SCRATCH.AREA_THRESHOLD", "400", "MODEL.WEIGHTS", str(tmp_path / "model_final.pth")]
    assert resolve_bundle(load_config(None, opts), opts).thresholds == Thresholds(area=400.0)


def test_a_fraction_is_not_taken_for_a_share_of_a_pixel():
    with pytest.raises(ValueError, match="is 0.3, but the saved thresholds are in pixels; accep"):
        override_thresholds(Thresholds(area=700.0), load_config(None, LIMIT), LIMIT)


def test_a_scale_that_changes_nothing_is_named(log):
    opts = ["SCRATCH.PIXELS_PER_MM", "20"]
    override_thresholds(Thresholds(), load_config(None, opts), opts)
    assert "SCRATCH.PIXELS_PER_MM changes nothing: the saved thresholds are in pixel" in log.text


@pytest.mark.parametrize(("more", "is_said"), [([], True), (LIMIT, False)])
@pytest.mark.parametrize(
    ("key", "value", "former"),
    [("AREA_METHOD", "pixel", "weighted"), ("AREA_SCALING", "none", "odds")],
)
def test_another_rule_than_the_area_was_chosen_for_is_named(log, key, value, former, more, is_said):
    opts = [f"SCRATCH.{key}", value, *more]
    saved = Thresholds(area=0.006, area_unit="fraction", **{key.lower(): former})
    assert getattr(override_thresholds(saved, load_config(None, opts), opts), key.lower()) == value
    said = f"the area threshold of 0.006 was chosen for SCRATCH.{key} {former}"
    assert (said in log.text) == is_said


def test_scaled_areas_may_exceed_the_image_only_where_calibration_chose_so():
    chosen = Thresholds(area=40.0, area_unit="fraction", area_scaling="odds")
    assert override_thresholds(chosen, load_config(None, []), []) == chosen
    opts = ["SCRATCH.AREA_THRESHOLD", "400", "SCRATCH.AREA_SCALING", "odds"]
    with pytest.raises(ValueError, match="400 of the image; .*needs SCRATCH.AREA_UNIT pixel"):
        override_thresholds(chosen, load_config(None, opts), opts)
    with pytest.raises(ValueError, match="400 of the image; .*needs SCRATCH.AREA_UNIT pixel"):
        thresholds_from_config(load_config(None, opts))


@pytest.mark.parametrize(
    "gate", [["GATE.WEIGHTS", ""], ["GATE.WEIGHTS", "g", "GATE.ENABLED", "False"]]
)
def test_areas_scaled_by_scores_of_a_missing_gate_are_refused(tmp_path, gate):
    Thresholds(area_scaling="odds").save(tmp_path)
    opts = ["MODEL.WEIGHTS", str(tmp_path / "model.pth"), *gate]
    with pytest.raises(ValueError, match="SCRATCH.AREA_SCALING odds.*Name a gate .GATE.WEIGHTS"):
        resolve_bundle(load_config(None, opts), opts)
    opts += ["SCRATCH.AREA_SCALING", "none", "SCRATCH.AREA_THRESHOLD", "700"]
    assert resolve_bundle(load_config(None, opts), opts).thresholds == Thresholds(area=700.0)


@pytest.mark.parametrize(("band", "kept"), [([], None), (["0.005", "0.02"], (0.005, 0.02))])
def test_a_saved_review_band_is_left_out_in_another_unit(log, band, kept):
    opts = ["SCRATCH.AREA_UNIT", "fraction"]
    opts += ["SCRATCH.REVIEW_BAND", f"[{','.join(band)}]"] if band else []
    saved = Thresholds(review_band=(400, 900))
    assert override_thresholds(saved, load_config(None, opts), opts).review_band == kept
    assert ("band was 400 to 900 in pixel and is not used in fraction" in log.text) == (not band)


def test_another_unit_takes_its_default_area_and_says_so(log):
    opts = ["SCRATCH.AREA_UNIT", "fraction"]
    assert override_thresholds(Thresholds(), load_config(None, opts), opts) == DEFAULT
    assert "was 500 in pixel; in fraction it is 0.01 until you calibrate or set it" in log.text


@pytest.mark.parametrize(
    ("area", "band", "said"),
    [
        (0.05, "[0.01,0.02]", "areas from 0.02 to 0.05 are Good, though those from 0.01 on are"),
        (0.01, "[0.02,0.05]", "areas from 0.01 to 0.02 are Bad, though those from 0.02 on are"),
        (0.02, "[0.01,0.02]", ""),
        (0.02, "[0.01,0.05]", ""),
    ],
)
def test_a_review_band_beside_the_area_threshold_is_warned_of(log, area, band, said):
    opts = ["SCRATCH.AREA_THRESHOLD", str(area), "SCRATCH.REVIEW_BAND", band]
    thresholds_from_config(load_config(None, opts))
    assert said in log.text and bool(log.text) == bool(said)


def test_options_are_known_by_their_former_names_too():
    opts = ["GATE.SKIP_BELOW", "0.3"]
    assert override_thresholds(Thresholds(), load_config(None, opts), opts).gate_threshold == 0.3


@pytest.fixture
def calibrated(tmp_path) -> CfgNode:
    """A config with a gate; beside it weights, and thresholds calibrated for both."""
    (tmp_path / "model.pth").write_bytes(b"detector")
    (tmp_path / "gate.pth").write_bytes(b"gate")
    hashes = {"weights_sha256": "model.pth", "gate_sha256": "gate.pth"}
    block = {key: file_sha256(tmp_path / name) for key, name in hashes.items()}
    Thresholds(area=7).save(tmp_path, {**block, "data_sha256": "ab", "dataset": "labels_val"})
    weights = ["MODEL.WEIGHTS", str(tmp_path / "model.pth")]
    return load_config(None, [*weights, "GATE.WEIGHTS", str(tmp_path / "gate.pth")])


def test_calibrated_thresholds_say_on_which_images(calibrated, tmp_path, log):
    bundle = resolve_bundle(calibrated)
    assert bundle.calibrated_on == "ab" and bundle.thresholds.area == 7
    assert not log.messages
    Thresholds().save(tmp_path)
    assert resolve_bundle(calibrated).calibrated_on == ""


@pytest.mark.parametrize(
    ("detector", "gate", "said"),
    [
        (b"other", b"gate", r"another checkpoint than \S+model.pth; run scratch-d2 cali"),
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
    resolve_bundle(calibrated)
    (message,) = log.messages
    assert re.search(said, message)


def test_training_anew_replaces_calibrated_thresholds_and_says_so(calibrated, tmp_path, log):
    thresholds_from_config(calibrated).save(tmp_path)
    assert "the thresholds calibrated on labels_val are replaced" in log.messages[0]
    assert "calibration" not in json.loads((tmp_path / THRESHOLDS_FILE).read_text())
    Thresholds(area=9).save(tmp_path)
    assert len(log.messages) == 1
