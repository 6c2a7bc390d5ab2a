from dataclasses import replace

import numpy as np
import pytest

from scratch_d2.structures.doubt import area_margin, at_odds, gate_margin, log_odds
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.structures.verdict import area_label

GATED = Thresholds(area=400.0, gate_threshold=0.2, gate_upper_threshold=0.8)


@pytest.mark.parametrize(
    ("area", "p_bad", "expected"),
    [
        (400.0, 0.5, False),  # both at their limits, from where on they lean to Bad
        (399.0, 0.5, True),
        (400.0, 0.49, True),
        (0.0, 0.0, False),
        (1e9, 1.0, False),
    ],
)
def test_gate_and_area_rule_are_at_odds_if_one_alone_leans_to_bad(area, p_bad, expected):
    assert at_odds(area, p_bad, GATED) == expected


@pytest.mark.parametrize(
    ("thresholds", "middle"),
    [
        (Thresholds(), 0.5),
        (Thresholds(gate_threshold=0.7), 0.7),
        (Thresholds(gate_threshold=0.1, gate_upper_threshold=0.3), 0.3),
    ],
)
def test_the_gate_leans_to_bad_from_its_middle_on(thresholds, middle):
    assert gate_margin(middle, thresholds) == 0.0
    assert gate_margin(middle - 0.01, thresholds) < 0 < gate_margin(middle + 0.01, thresholds)


@pytest.mark.parametrize("scaling", ["none", "odds"])
@pytest.mark.parametrize("p_bad", [0.0, 0.3, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("unit", ["pixel", "fraction"])
def test_the_area_margin_has_the_sign_of_the_area_rule(unit, p_bad, scaling):
    thresholds = Thresholds(area=0.02, review_band=(0.01, 0.03), area_unit=unit)
    if unit == "pixel":
        thresholds = Thresholds(area=20.0, review_band=(10.0, 30.0), area_unit=unit)
    thresholds = replace(thresholds, area_scaling=scaling)
    for area in np.array([0.0, 0.01, 0.4, 0.5, 0.6, 1.0, 9.0]) * thresholds.area:
        is_good = area_label(area, p_bad, thresholds) == "good"
        assert (area_margin(area, p_bad, thresholds) < 0) == is_good
    assert np.isfinite(log_odds(np.array([0.0, 1.0]))).all()
