import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratch_d2.structures.thresholds import AREA_UNITS
from scratch_d2.structures.wording import format_areas, format_shares


@pytest.mark.parametrize(
    ("unit", "areas", "texts"),
    [
        ("pixel", [600, 500], ["600 px", "500 px"]),
        ("pixel", [500, 500.5], ["500 px", "500.5 px"]),
        ("pixel", [242_087.5, 242_088], ["242087.5 px", "242088 px"]),
        ("fraction", [0.008, 0.003], ["0.8%", "0.3%"]),
        ("fraction", [0.12345, 0.0012345], ["12%", "0.12%"]),
        ("fraction", [0.00301, 0.00299], ["0.301%", "0.299%"]),
        ("fraction", [0.0, 1.0], ["0%", "100%"]),
        ("fraction", [1e308], ["1000000000000000%"]),
    ],
)
def test_areas(unit, areas, texts):
    assert format_areas(areas, unit) == texts


@pytest.mark.parametrize(
    ("shares", "texts"),
    [
        ([0.53, 0.6], ["53%", "60%"]),
        ([0.125, 0.5], ["13%", "50%"]),
        ([0.0531, 0.00391], ["5.3%", "0.4%"]),
        ([0.59996, 0.6], ["59.996%", "60%"]),
        ([0.6, 0.6], ["60%", "60%"]),
    ],
)
def test_shares(shares, texts):
    assert format_shares(shares) == texts


@pytest.mark.parametrize("unit", AREA_UNITS)
@given(st.lists(st.floats(0, 1000), min_size=1, max_size=3))
def test_texts_keep_the_order_and_the_value(unit, areas):
    numbers = [float(re.match("[0-9.]+", text)[0]) for text in format_areas(areas, unit)]
    order = sorted(range(len(areas)), key=lambda i: areas[i])
    assert [numbers[i] for i in order] == sorted(numbers)
    factor = 100 if unit == "fraction" else 1
    assert numbers == pytest.approx([factor * area for area in areas], rel=0.06, abs=1e-6)
