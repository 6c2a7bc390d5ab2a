import json

import pytest

from scratch_d2.evaluation.results_io import read_results
from scratch_d2.formats.review import read_review
from scratch_d2.formats.sources import read_predictions
from scratch_d2.inspection.inputs import find_files
from scratch_d2.inspection.predict import predict_files
from scratch_d2.review.queue import read_queue
from scratch_d2.selection.candidates import read_run
from scratch_d2.structures.run_record import check_run_folder, find_rows
from tests.inspection.fakes import EVERYTHING, bright_inspector, write_files


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Results over two photographs, whose names are relative to a folder we have left."""
    (tmp_path / "there").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    write_files(tmp_path / "there" / "in", 2)
    predict_files(bright_inspector(), find_files(["in"]), tmp_path / "out", EVERYTHING)
    (tmp_path / "out" / "reviews.jsonl").touch()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "out"


@pytest.mark.parametrize(
    "read", [read_predictions, read_run, read_queue, lambda folder: list(read_review(folder))]
)
def test_results_in_another_folder_than_their_run_say_which_one_it_was(results, read):
    with pytest.raises(FileNotFoundError, match="names in these results are relative to '.*there'"):
        read(results)


def test_photographs_that_are_here_or_nowhere_are_no_reason(results, monkeypatch):
    monkeypatch.chdir(results.parent / "there")
    check_run_folder(results)
    monkeypatch.chdir(results.parent / "here")
    (results.parent / "there" / "in").rename(results.parent / "gone")
    check_run_folder(results)
    (results.parent / "gone").rename(results.parent / "there" / "in")
    summary = json.loads((results / "summary.json").read_text())
    del summary["folder"]
    (results / "summary.json").write_text(json.dumps(summary))
    check_run_folder(results)


def test_rows_in_parts_name_the_command_that_merges_them(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no results.jsonl; name the output folder"):
        find_rows(tmp_path)
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "part-00000000-0123456789ab.parquet").touch()
    for read in (read_run, read_queue, lambda folder: read_results(folder, [])):
        with pytest.raises(FileNotFoundError, match="scratch-d2 merge .* --output DIR` makes"):
            read(tmp_path)
