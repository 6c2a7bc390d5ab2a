"""Settings that fit a user's photographs."""

import math

import pytest

from scratch_d2.config import load_config
from scratch_d2.data.proposal import format_proposals, propose_settings, to_pairs

# About those of the labels that the reference models were made for: nothing is to be changed.
LABELS = {
    **{"photographs": 600, "long_side_5": 250, "long_side_50": 300, "long_side_95": 330},
    **{"short_side_50": 115, "scratch_short_10": 10, "scratch_short_50": 24},
    **{"scratch_size_10": 13, "scratch_size_95": 67, "scratch_ratio_95": 3},
    "coverage_5": 1.0,
}
RATIOS = "MODEL.ANCHOR_GENERATOR.ASPECT_RATIOS"


def propose(opts=(), fixed=(), device="cpu", **statistics):
    cfg = load_config("reference/pretrained.yaml", opts)
    return {p.key: p for p in propose_settings({**LABELS, **statistics}, cfg, fixed, device)}


def changed(proposals):
    return {key: p.value for key, p in proposals.items() if p.changes}


def test_labels_keep_the_settings_that_were_tuned_on_them():
    assert changed(propose()) == {}


def test_an_area_threshold_where_it_is_the_area_of_a_scratch():
    unscaled = ["SCRATCH.AREA_SCALING", "none"]
    assert changed(propose(unscaled)) == {"SCRATCH.AREA_THRESHOLD": 0.005}
    assert "SCRATCH.AREA_THRESHOLD" not in propose()  # p(Bad) decides as well


def test_narrow_scratches_enlarge_detector_and_gate():
    found = changed(propose(scratch_short_10=5))
    assert found["INPUT.MIN_SIZE_TEST"] == 192  # 115 px times 8 / 5, in steps of 32
    assert found["INPUT.MAX_SIZE_TEST"] == found["INPUT.MAX_SIZE_TRAIN"] == 544
    assert found["INPUT.MIN_SIZE_TRAIN"] == [160, 192, 224]
    assert found["GATE.IMAGE_SIZE"] == 320  # 300 px at 5 / 5
    assert "two cells" in propose(scratch_short_10=5)["INPUT.MIN_SIZE_TEST"].reason


def test_nothing_is_enlarged_more_than_twice_or_beyond_1024_px():
    assert changed(propose(scratch_short_10=1))["INPUT.MAX_SIZE_TEST"] == 672
    large = {"long_side_5": 3000, "long_side_50": 4000, "long_side_95": 4000}
    found = changed(propose(scratch_short_10=8, short_side_50=3000, **large))
    assert found["INPUT.MAX_SIZE_TEST"] == found["GATE.IMAGE_SIZE"] == 1024


@pytest.mark.parametrize(
    ("statistics", "sizes"),
    [
        ({"scratch_size_95": 900}, [[8], [16], [32], [64], [128]]),
        ({"scratch_size_10": 60, "scratch_size_95": 900}, [[64], [128], [256], [512], [1024]]),
    ],
)
def test_anchors_follow_the_boxes(statistics, sizes):
    assert changed(propose(**statistics))["MODEL.ANCHOR_GENERATOR.SIZES"] == sizes


def test_longer_anchors_only_where_a_box_would_not_be_learnt():
    assert RATIOS not in changed(propose(scratch_ratio_95=15))
    found = propose(scratch_ratio_95=20)[RATIOS]
    assert found.value == [[0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0]]
    assert "start anew" in found.reason


def test_the_rate_follows_a_smaller_batch():
    sides = {"short_side_50": 300, "scratch_short_10": 1}  # enlarged to 600 x 600 px
    found = changed(propose(**sides))
    assert (found["SOLVER.IMS_PER_BATCH"], found["SOLVER.BASE_LR"]) == (2, 0.0005)
    assert "SOLVER.IMS_PER_BATCH" not in changed(propose(device="cuda", **sides))


@pytest.mark.parametrize(("photographs", "batch"), [(100, 16), (960, 32), (1920, 64)])
def test_an_epoch_of_the_gate_keeps_its_steps(photographs, batch):
    assert propose(photographs=photographs)["GATE.BATCH_SIZE"].value == batch


def test_millimetres_if_they_are_known():
    opts = ["SCRATCH.PIXELS_PER_MM", "20", "SCRATCH.AREA_SCALING", "none"]
    assert changed(propose(opts)) == {}  # "auto" means mm2, and the least area in mm2 is not known
    opts += ["SCRATCH.AREA_UNIT", "pixel"]
    assert changed(propose(opts)) == {"SCRATCH.AREA_UNIT": "mm2"}


def test_what_the_user_has_set_is_left_alone():
    fixed = {"INPUT.MAX_SIZE_TEST", "GATE.IMAGE_SIZE"}
    found = propose(fixed=fixed, scratch_short_10=5)
    assert not [key for key in found if key.startswith("INPUT.") or key == "GATE.IMAGE_SIZE"]


def test_without_masks_only_what_needs_none_is_proposed():
    unknown = {key: math.nan for key in LABELS if key.startswith(("scratch", "coverage"))}
    assert set(propose(**unknown)) == {"GATE.BATCH_SIZE", "SCRATCH.AREA_UNIT"}


def test_pairs_are_what_a_config_takes():
    proposals = list(propose(scratch_short_10=5, scratch_ratio_95=20).values())
    cfg = load_config("reference/pretrained.yaml", to_pairs(proposals))
    assert list(cfg.INPUT.MIN_SIZE_TRAIN) == [160, 192, 224]
    assert cfg.MODEL.ANCHOR_GENERATOR.ASPECT_RATIOS[0][0] == 0.125
    text = format_proposals(proposals)
    assert "change GATE.IMAGE_SIZE" in text and "224 -> 320" in text
    assert text.count("two cells") == 1  # keys of one reason share it
