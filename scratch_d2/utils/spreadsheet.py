"""Cells of CSV files as spreadsheets take them: no formulas, few digits."""

import math

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def to_cell(value: object) -> str:
    """Return a value as the text of a cell.

    A text that a spreadsheet would run as a formula gets an apostrophe before it. Numbers have four
    significant digits, and all digits before the point. None is empty.
    """
    if value is None:
        return ""
    if isinstance(value, float) and abs(value) < 1000:
        return f"{value:.4g}"
    if isinstance(value, float) and math.isfinite(value):
        return str(math.floor(value + 0.5))
    text = str(value)
    is_number = isinstance(value, int)
    return f"'{text}" if not is_number and text.startswith(FORMULA_STARTS) else text
