"""What a prediction run says when it is done."""

from collections.abc import Mapping
from typing import Any

from scratch_d2.inspection.stopwatch import Stopwatch

DONE, SOME_UNREADABLE, NOTHING_READABLE, BAD_FOUND = 0, 3, 4, 10
LISTED = 20


def exit_code(summary: Mapping[str, Any], fail_on_bad: bool = False) -> int:
    """Return the exit code that tells of a summary; `fail_on_bad` makes Bad images one of them."""
    if not sum(summary["verdicts"].values()):
        return NOTHING_READABLE
    if fail_on_bad and summary["verdicts"]["bad"]:
        return BAD_FOUND
    return SOME_UNREADABLE if summary["unreadable"] else DONE


def describe(summary: Mapping[str, Any], stopwatch: Stopwatch) -> str:
    """Return the lines for the terminal: unreadable files, counts, where the time went."""
    unreadable = summary["unreadable"]
    lines = [f"unreadable: {entry['error']}" for entry in unreadable[:LISTED]]
    if len(unreadable) > LISTED:
        lines.append(f"unreadable: {len(unreadable) - LISTED} more, all in summary.json")
    counts = ", ".join(f"{count} {label}" for label, count in summary["verdicts"].items())
    lines.append(f"{summary['images']} images: {counts}, {len(unreadable)} unreadable")
    return "\n".join([*lines, describe_times(stopwatch)])


def describe_times(stopwatch: Stopwatch) -> str:
    """Return how long a run took by the clock, and each stage, added up over its threads."""
    seconds = dict(stopwatch.seconds)
    whole, images = seconds.pop("all"), stopwatch.images
    stages = ", ".join(f"{stage} {value:.1f}" for stage, value in seconds.items())
    return (
        f"{images} inspected in {whole:.1f} s, {images / whole:.1f} a second; "
        f"seconds of all threads: {stages}"
    )
