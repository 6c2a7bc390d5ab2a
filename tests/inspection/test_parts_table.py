"""Rows as tables of Arrow, and back."""

import io
import json
import sys

import numpy as np
import pytest

from scratch_d2.inspection.inputs import InputFile
from scratch_d2.inspection.inspector import Inspector
from scratch_d2.inspection.parts_table import schema, to_rows, to_table
from scratch_d2.inspection.rows import error_row, ok_row
from scratch_d2.utils.remote import RemotePath
from tests.inspection.fakes import THRESHOLDS, bright_detector, photograph

pq = pytest.importorskip("pyarrow.parquet", reason="missing, run `pip install pyarrow`")
FILE = InputFile(RemotePath("s3://bucket/ü 日本.png"))


def rows_of_every_kind():
    inspector = Inspector(
        lambda images: np.full(len(images), 0.1 + 0.2), bright_detector, THRESHOLDS
    )
    judged, bad = inspector.inspect([photograph(False), photograph(True)])
    ungated = Inspector(None, bright_detector, THRESHOLDS).inspect([photograph(True)])[0]
    return [
        ok_row(0, FILE, judged, THRESHOLDS, "abc"),
        {**ok_row(1, FILE, bad, THRESHOLDS), "note": "16 bits", "overlay": "a", "mask": "b"},
        ok_row(2, FILE, ungated, THRESHOLDS),
        error_row(3, FILE, "damaged"),
    ]


def test_rows_come_back_from_parquet_byte_for_byte():
    file, rows = io.BytesIO(), rows_of_every_kind()
    pq.write_table(to_table(rows), file)
    file.seek(0)
    again = to_rows(pq.read_table(file))
    assert [json.dumps(row) for row in again] == [json.dumps(row) for row in rows]
    assert again[1]["instances"] and again[2]["p_bad"] is None


def test_names_that_are_not_utf_8_become_escapes():
    row = error_row(0, InputFile(RemotePath("a\udcff.png")), "'a\udcff.png': damaged")
    assert to_rows(to_table([row]))[0]["file"] == r"a\udcff.png"


def test_a_missing_pyarrow_is_named_with_its_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"needs pyarrow: pip install 'scratch_d2\[ray\]'"):
        schema()
