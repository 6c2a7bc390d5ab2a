import logging
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratch_d2.structures.thresholds import RULES, Thresholds, read_thresholds

FILE = "thresholds.json"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"area_method": "length"}, "'length' in 'pixel'; accepted are contour, pixel"),
        ({"score": 1.2}, "score is 1.2; accepted is a number in 0..1"),
        ({"gate_threshold": math.nan}, "gate_threshold is nan; accepted is a number in 0..1"),
        ({"area": -1}, "area is -1; accepted is a number from 0 on"),
        ({"area": math.inf}, "area is inf"),
        ({"area": "500"}, "area is '500'"),
        ({"score": True}, "score is True"),
        ({"review_band": (5, 4)}, r"review_band is \(5, 4\); accepted are two areas, the lower"),
        ({"review_band": (5, math.nan)}, "review_band is"),
        ({"review_band": (5,)}, "review_band is"),
        (
            {"area_unit": "fraction", "area": 0.01, "review_band": (400, 900)},
            r"review_band is \(400, 900\), fractions of the image; accepted are areas of 0 to 1",
        ),
        (
            {"gate_threshold": 0.6, "gate_upper_threshold": 0.5},
            "gate_upper_threshold is 0.5, below",
        ),
        ({"gate_upper_threshold": 1.5}, "gate_upper_threshold is 1.5"),
    ],
)
def test_a_threshold_that_means_nothing_is_refused(values, said):
    with pytest.raises(ValueError, match=said):
        Thresholds(**values)


@given(st.floats(0, 1), st.floats(0, 1e6), st.floats(0, 1), st.booleans())
def test_what_is_saved_is_read_to_the_last_digit(tmp_path_factory, score, area, skip, band):
    folder = tmp_path_factory.mktemp("saved")
    saved = Thresholds(
        score, area, review_band=(area / 3, area) if band else None, gate_threshold=skip
    )
    saved.save(folder, {"goal": "f1", "data_sha256": "ab"})
    assert read_thresholds(folder / FILE) == (saved, {"goal": "f1", "data_sha256": "ab"})
    assert Thresholds.load(folder / FILE) == saved
    saved.save(folder)
    assert read_thresholds(folder / FILE) == (saved, {})


def test_the_rule_seed_is_the_one_of_the_former_system():
    seed = RULES["seed"]
    assert (seed.score, seed.area) == (0.5, 500.5)
    assert (seed.area_method, seed.area_unit) == ("contour", "pixel")
    assert seed.gate_threshold == 0 and seed.review_band is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"scores": 1}', r"unknown keys \['scores'\]"),
        ("[]", "a dict is expected"),
        ("no json", "Expecting value"),
        ('{"score": 7}', "score is 7"),
        ('{"area": NaN}', "area is nan"),
        ('{"area": 1e999}', "area is inf"),
        ('{"gate_threshold": "0.05"}', "gate_threshold is '0.05'"),
        ('{"review_band": 5}', "review_band is 5"),
        ('{"review_band": [1, "2"]}', "review_band is"),
        ('{"area": 500, "area": 5}', "the key 'area' is there 2 times"),
        ('{"calibration": []}', r"calibration is \[\]; accepted is a dict"),
        ('{"calibration": {"data_sha256": 5}}', "calibration.data_sha256 is 5; accepted is text"),
    ],
)
def test_a_damaged_file_of_thresholds_is_named(tmp_path, content, said):
    (tmp_path / FILE).write_text(content)
    with pytest.raises(ValueError, match=rf"thresholds\.json: not a file of thresholds \(.*{said}"):
        Thresholds.load(tmp_path / FILE)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_that_an_editor_of_windows_saved_is_read(tmp_path, encoding):
    (tmp_path / FILE).write_text('{"area": 400}', encoding=encoding)
    assert Thresholds.load(tmp_path / FILE) == Thresholds(area=400)


def test_a_file_of_before_is_read(tmp_path):
    (tmp_path / FILE).write_text('{"area": 20, "review_band": []}')
    assert Thresholds.load(tmp_path / FILE) == Thresholds(area=20)


def test_names_of_earlier_releases_are_read_and_the_new_one_is_given(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("scratch_d2"), "propagate", True)
    (tmp_path / FILE).write_text('{"area": 20, "gate_skip": 0.25}')
    assert Thresholds.load(tmp_path / FILE) == Thresholds(area=20, gate_threshold=0.25)
    assert set(caplog.messages) == {"gate_skip is now called gate_threshold"}
