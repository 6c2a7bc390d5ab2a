import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratch_d2.utils.rounding import between


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_rounded_threshold_stays_in_the_middle_of_its_gap(low, high):
    low, high = sorted((low, high))
    value, middle = between(low, high), low + (high - low) / 2
    if low < middle < high:
        assert low < value <= high
        assert abs(value - middle) <= 0.1 * (high - low)
    else:  # neighbouring numbers, or one number
        assert value == high


@pytest.mark.parametrize(
    ("low", "high", "value"),
    [(300, 800, 600), (0, 10.5, 5), (0.21655, 0.22841, 0.222), (499.5, 500.5, 500), (7, 7, 7)],
)
def test_thresholds_read_well(low, high, value):
    assert between(low, high) == value
