import numpy as np
import pytest

from scratch_d2.selection.doubt import decision_margin, disagreement, nearness
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.structures.verdict import decide

GATED = Thresholds(area=400.0, gate_threshold=0.2, gate_upper_threshold=0.8)


@pytest.mark.parametrize(
    ("area", "p_bad", "expected"),
    [
        (400.0, 0.5, 1.0),  # at the area limit
        (800.0, 0.5, 0.5),  # twice the limit
        (200.0, 0.5, 0.5),
        (800.0, 0.2, 1.0),  # at the gate's threshold, with scratches that would make it Bad
        (0.0, 0.8, 1.0),  # at the upper one
        (0.0, 0.5, 0.25),  # odds of 1, the upper threshold has odds of 4
        (0.0, 0.2, 1 / 16),
    ],
)
def test_nearness_is_the_ratio_to_the_nearest_threshold(area, p_bad, expected):
    assert nearness(np.array([area]), np.array([p_bad]), GATED) == pytest.approx(expected)


def test_scaled_areas_are_compared_with_the_limit_at_their_score():
    scaled = Thresholds(area=400.0, gate_threshold=0.01, area_scaling="odds")
    areas, scores = np.array([100.0, 200.0, 1200.0]), np.array([0.8, 0.8, 0.25])
    assert nearness(areas, scores, scaled) == pytest.approx([1.0, 0.5, 1.0])
    # At 0.8 the gate leans to Bad; the limit there is 100 px.
    found = disagreement(np.array([50.0, 100.0]), np.array([0.8, 0.8]), scaled)
    assert found == pytest.approx([0.5, 0.0])


@pytest.mark.parametrize(
    "thresholds",
    [
        GATED,
        Thresholds(area=0.02, area_unit="fraction", gate_threshold=0.3),
        Thresholds(area=400.0, review_band=(100.0, 600.0)),
        Thresholds(area=400.0, gate_threshold=0.3, area_scaling="odds"),
    ],
)
def test_the_margin_is_negative_where_the_verdict_is_good(thresholds):
    rng = np.random.default_rng(0)
    areas = rng.choice([0, 0.5, 0.9, 1.0, 1.1, 3.0], 500) * thresholds.area
    p_bad = rng.random(500)
    labels = [decide(*pair, thresholds) for pair in zip(areas, p_bad)]
    is_good = np.array([label == "good" for label in labels])
    assert 50 < is_good.sum() < 450
    np.testing.assert_array_equal(decision_margin(areas, p_bad, thresholds) < 0, is_good)


@pytest.mark.parametrize(
    ("area", "p_bad", "expected"),
    [
        (0.0, 0.95, 0.0),  # the middle is 0.5, see below
        (800.0, 0.95, 0.0),  # both say Bad
        (0.0, 0.1, 0.0),  # both say Good
        (200.0, 0.99, 0.5),  # the area rule would change its mind at twice the area
        (800.0, 0.01, 0.5),
        (800.0, 0.2, 0.5),
        (1e6, 0.2, 0.75),  # now the gate is the less sure one: odds of 1/4
    ],
)
def test_disagreement_is_as_large_as_the_less_sure_of_the_two(area, p_bad, expected):
    value = disagreement(np.array([area]), np.array([p_bad]), GATED)
    if area == 0.0 and p_bad == 0.95:
        expected = 1 - 1 / 19  # odds of 19
    assert value == pytest.approx(expected)
