import pytest

from scratch_d2.utils.spreadsheet import to_cell


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_what_a_spreadsheet_would_run_is_text(start):
    assert to_cell(f"{start}1+1.png") == f"'{start}1+1.png"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        ("", ""),
        ("a=b.png", "a=b.png"),
        (-3, "-3"),
        (242_087, "242087"),
        (0.6180339887, "0.618"),
        (-0.25, "-0.25"),
        (1.23456e-7, "1.235e-07"),
        (599.96, "600"),
        (242_087.5, "242088"),
        (1532.5, "1533"),  # as reasons round
        (0.0, "0"),
        (True, "True"),
    ],
)
def test_numbers_have_four_digits_and_texts_stay(value, cell):
    assert to_cell(value) == cell
