from datetime import datetime

import pytest

from scratch_d2.inspection.stopwatch import Stopwatch
from scratch_d2.inspection.summary import exit_code, format_summary, format_verdict


def summary_of(good=0, bad=0, review=0, errors=()):
    return {
        "images": good + bad + review + len(errors),
        "verdicts": {"good": good, "bad": bad, "review": review},
        "unreadable": [{"file": error, "error": f"'{error}': damaged"} for error in errors],
    }


@pytest.mark.parametrize(
    ("summary", "fail_on_bad", "code"),
    [
        (summary_of(good=2), True, 0),
        (summary_of(good=2, bad=1), False, 0),
        (summary_of(good=2, bad=1), True, 10),
        (summary_of(good=2, errors=["a"]), False, 3),
        (summary_of(bad=2, errors=["a"]), True, 10),
        (summary_of(errors=["a"]), True, 4),
        (summary_of(review=1), True, 0),
    ],
)
def test_the_exit_code_tells_of_the_summary(summary, fail_on_bad, code):
    assert exit_code(summary, fail_on_bad) == code


def test_the_terminal_is_told_counts_errors_and_times():
    stopwatch = Stopwatch()
    stopwatch.images = 30
    stopwatch.seconds.update({"read": 1.0, "detector": 3.25, "all": 2.0})
    errors = [f"{i}.png" for i in range(23)]
    text = format_summary(summary_of(good=5, bad=2, errors=errors), stopwatch)
    lines = text.splitlines()
    assert lines[0] == "unreadable: '0.png': damaged" and len(lines) == 23
    assert lines[20] == "unreadable: 3 more, all in summary.json"
    assert lines[21] == "30 images: 5 good, 2 bad, 0 review, 23 unreadable"
    assert lines[22] == (
        "30 inspected in 2.0 s, 15.0 a second; seconds of all threads: read 1.0, detector 3.2"
    )


def test_a_verdict_is_one_printable_line():
    row = {"timestamp": "2027-01-01T10:20:30.500+00:00", "status": "ok", "reason": "Good: fine"}
    time = datetime.fromisoformat(row["timestamp"]).astimezone().strftime("%H:%M:%S")
    inside = {**row, "file": "/line/a/b\nü\udcff.png"}
    assert format_verdict(inside, "/line") == rf"{time} a/b\nü\udcff.png Good: fine"
    assert format_verdict(inside, "/else") == rf"{time} /line/a/b\nü\udcff.png Good: fine"
    broken = {**row, "status": "error", "error": "'x.png': damaged"}
    assert format_verdict(broken) == f"{time} Error: 'x.png': damaged"
