"""The summary of a prediction run as text, and its exit code."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from scratch_d2.inspection.stopwatch import Stopwatch

DONE, SOME_UNREADABLE, NOTHING_READABLE, BAD_FOUND = 0, 3, 4, 10
LISTED = 20


def exit_code(summary: Mapping[str, Any], fail_on_bad: bool = False) -> int:
    """Return the exit code for a summary.

    Args:
        fail_on_bad: return BAD_FOUND if an image is Bad.
    """
    if not summary["images"] and summary["settings"].get("shard"):
        return DONE  # there are fewer batches than shards
    if not sum(summary["verdicts"].values()):
        return NOTHING_READABLE
    if fail_on_bad and summary["verdicts"]["bad"]:
        return BAD_FOUND
    return SOME_UNREADABLE if summary["unreadable"] else DONE


def format_summary(summary: Mapping[str, Any], stopwatch: Stopwatch | None = None) -> str:
    """Return the lines for the terminal: unreadable files, counts, and times if there are."""
    unreadable = summary["unreadable"]
    lines = [f"unreadable: {entry['error']}" for entry in unreadable[:LISTED]]
    if len(unreadable) > LISTED:
        lines.append(f"unreadable: {len(unreadable) - LISTED} more, all in summary.json")
    counts = ", ".join(f"{count} {label}" for label, count in summary["verdicts"].items())
    lines.append(f"{summary['images']} images: {counts}, {len(unreadable)} unreadable")
    times = [] if stopwatch is None else [format_times(stopwatch)]
    return "\n".join([*lines, *times])


def format_verdict(row: Mapping[str, Any], folder: str | Path = "") -> str:
    """Return a row as one line: local time, file below a folder, reason or error."""
    time = datetime.fromisoformat(row["timestamp"]).astimezone().strftime("%H:%M:%S")
    if row["status"] == "error":
        return f"{time} Error: {_printable(row['error'])}"
    file = Path(row["file"])
    name = file.relative_to(folder) if file.is_relative_to(folder) else file
    return f"{time} {_printable(str(name))} {row['reason']}"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def format_times(stopwatch: Stopwatch) -> str:
    """Return the time of a run, and the seconds of each stage summed over its threads."""
    seconds = dict(stopwatch.seconds)
    total, images = seconds.pop("all"), stopwatch.images
    stages = ", ".join(f"{stage} {value:.1f}" for stage, value in seconds.items())
    return (
        f"{images} inspected in {total:.1f} s, {images / total:.1f} a second; "
        f"seconds of all threads: {stages}"
    )
