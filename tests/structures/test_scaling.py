import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratch_d2.structures.scaling import bad_odds, check_scaling, limit_at, scale_area
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.structures.verdict import area_label

ODDS = Thresholds(area=100.0, area_scaling="odds")


@pytest.mark.parametrize(
    ("p_bad", "odds"),
    [(0.5, 1.0), (0.75, 3.0), (0.2, 0.25), (1.0, 9999.0), (0.0, 1 / 9999), (0.99995, 9999.0)],
)
def test_areas_are_scaled_by_the_odds_of_bad(p_bad, odds):
    assert bad_odds(p_bad, ODDS) == pytest.approx(odds)
    assert scale_area(np.array([8.0, 0.0]), p_bad, ODDS) == pytest.approx([8 * odds, 0.0])
    assert limit_at(100.0, p_bad, ODDS) == pytest.approx(100 / odds)


def test_without_a_scaling_or_a_gate_areas_stay():
    areas = np.array([8.0, 0.0])
    assert scale_area(areas, np.array([0.9, 0.1]), Thresholds()).tolist() == [8.0, 0.0]
    assert scale_area(areas, None, ODDS).tolist() == [8.0, 0.0]
    assert limit_at(100.0, None, ODDS) == limit_at(100.0, 0.9, Thresholds()) == 100.0


@given(st.floats(0, 1e4), st.floats(0, 1), st.floats(0, 1))
def test_a_surer_gate_never_makes_a_bad_image_good(area, lower, higher):
    lower, higher = sorted((lower, higher))
    if area_label(area, lower, ODDS) == "bad":
        assert area_label(area, higher, ODDS) == "bad"


def test_a_scaling_without_a_gate_is_refused():
    check_scaling(Thresholds(), has_gate=False)
    check_scaling(ODDS, has_gate=True)
    with pytest.raises(ValueError, match=r"AREA_SCALING odds.*GATE.WEIGHTS, GATE.ENABLED"):
        check_scaling(ODDS, has_gate=False)
