import csv

import pytest

from scratch_d2.inspection.table import ResultsTable

ROWS = [
    {"image_id": 0, "file": "=a.png", "status": "ok", "area": 600.123456, "p_bad": 0.123456},
    {"image_id": 1, "file": "b\n,\udcff.png", "status": "error", "error": "+x", "instances": []},
]


def read(table):
    with open(table.path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def table(tmp_path):
    table = ResultsTable(tmp_path / "results.csv")
    table.rewrite([])
    return table


def test_rows_that_are_added_give_the_bytes_of_a_table_written_at_once(table, tmp_path):
    for row in ROWS:
        table.append([row])
    whole = ResultsTable(tmp_path / "whole.csv")
    whole.rewrite(ROWS)
    assert table.path.read_bytes() == whole.path.read_bytes()
    first, second = read(table)
    assert (first["file"], first["area"], first["p_bad"]) == ("'=a.png", "600.1", "0.1235")
    assert (second["file"], second["error"]) == ("b\n,?.png", "'+x")
    assert first["timestamp"] == first["overlay"] == second["area"] == ""


def test_what_cannot_be_written_now_is_written_later(table, caplog):
    table.append(ROWS[:1])
    away = table.path.rename(table.path.with_name("away"))
    table.path.mkdir()
    for _ in range(2):
        table.append(ROWS[1:])
    assert caplog.text.count("results.csv cannot be written (Is a directory)") == 1
    table.path.rmdir()
    away.rename(table.path)
    table.append(ROWS[:1])
    assert [row["image_id"] for row in read(table)] == ["0", "1", "1", "0"]


def test_what_a_killed_run_left_is_overwritten(table):
    table.append(ROWS)
    table.path.write_bytes(table.path.read_bytes() + b"3,half a r")
    table.append(ROWS[:1])
    assert [row["image_id"] for row in read(table)] == ["0", "1", "0"]
