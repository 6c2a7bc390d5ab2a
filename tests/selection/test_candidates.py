import json
from pathlib import Path

import pytest

from scratch_d2.selection.candidates import read_run
from tests.selection.runs import ok_row, write_run


def test_the_last_row_of_a_file_counts_and_errors_are_kept(tmp_path):
    dark = "Review: cannot be judged: it is dark"
    rows = [
        ok_row(Path("a.png"), 10.0, 0.1),
        {"file": "c.png", "status": "error", "error": "'c.png': damaged"},
        ok_row(Path("b.png"), 0.0, 0.3, reason=dark, verdict="review"),
        ok_row(Path("a.png"), 20.0, 0.2),  # a watched name that came again
    ]
    record, made = read_run(write_run(tmp_path / "run", rows, Path("gate.pth"), white_level=4095))
    assert made.files == [Path("a.png"), Path("b.png")]
    assert made.area.tolist() == [20.0, 0.0] and made.p_bad.tolist() == [0.2, 0.3]
    assert made.unjudged == ["", "cannot be judged: it is dark"]
    assert made.errors == ["'c.png': damaged"]
    assert (record.gate_weights, record.white_level) == ("gate.pth", 4095)
    last = made.select([1])
    assert last.files == [Path("b.png")] and last.p_bad.tolist() == [0.3]


def test_results_of_earlier_versions_are_read(tmp_path):
    row = ok_row(Path("a.png"), 10.0, 0.1)
    del row["reason"], row["instances"]
    folder = write_run(tmp_path / "run", [row], Path("gate.pth"))
    settings = json.loads((folder / "settings.json").read_text())
    settings["gate_skip"] = settings.pop("gate_threshold")
    del settings["gate_upper_threshold"], settings["review_disagreement"]
    (folder / "settings.json").write_text(json.dumps(settings))
    record, made = read_run(folder)
    assert record.thresholds.gate_threshold == 0.2 and made.unjudged == [""]
    assert record.thresholds.gate_upper_threshold is None and record.white_level == 0


def test_a_row_that_was_cut_off_is_named(tmp_path):
    folder = write_run(tmp_path / "run", [ok_row(Path("a.png"), 10.0, 0.1)], Path("gate.pth"))
    with open(folder / "results.jsonl", "a") as file:
        file.write('{"file": "b.png", "sta')
    with pytest.raises(ValueError, match=r"results\.jsonl, line 2: not a row .*predict --resume"):
        read_run(folder)
