"""Tables of the statistics of datasets, beside real labels or the training data of a model."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scratch_d2.data.statistics import MEASURES, Statistics
from scratch_d2.utils.tables import format_table

# These depend on how much there is, so they are not compared with a model's training data.
COUNTS = ("photographs", "good", "bad", "bad_without_mask", "file_mean")
# Accepted deviation from a model's training data, as a share.
OF_A_MODEL = 0.5


@dataclass(frozen=True)
class Reference:
    """What datasets are compared with.

    Attributes:
        title: head of its column.
        values: by the keys of `MEASURES`; measures that it lacks are not known.
        tolerance: for measures without their own; None judges only those that have one.
    """

    title: str
    values: Mapping[str, float]
    tolerance: float | None = None


REAL = Reference("5,180 real", {key: m.real for key, m in MEASURES.items() if m.real is not None})


def to_markdown(datasets: Mapping[str, Statistics], reference: Reference = REAL) -> str:
    """Format the statistics of datasets, by title, and of a reference as a Markdown table.

    Measures with a tolerance are marked "ok" or "off", with their deviation.
    """
    titles = [title.replace("|", "\\|") for title in (reference.title, *datasets)]
    rows = []
    for key, measure in MEASURES.items():
        known = reference.values.get(key, math.nan)
        shown = "" if math.isnan(known) else f"{round(known, measure.digits + 1):,g}"
        cells = [_judge(key, statistics[key], reference) for statistics in datasets.values()]
        rows.append([measure.title, shown, *cells])
    return format_table(rows, ["measure", *titles], markdown=True) + "\n"


def _judge(key: str, value: float, reference: Reference) -> str:
    if math.isnan(value):
        return "-"
    measure, known = MEASURES[key], reference.values.get(key, math.nan)
    shown = f"{value:,.{measure.digits}f}"
    tolerance = measure.tolerance
    if reference.tolerance is not None:
        tolerance = None if key in COUNTS else reference.tolerance
    if math.isnan(known) or not known or tolerance is None:
        return shown
    deviation = value / known - 1
    mark = "ok" if abs(deviation) <= tolerance else "off"
    # Adding 0 turns the -0.0 that rounding may leave into 0.0.
    return f"{shown} {mark} ({round(deviation, 2) + 0:+.0%})"


def to_json(datasets: Mapping[str, Statistics], reference: Reference = REAL) -> str:
    """Return the statistics as JSON, `{"real": {...}, title: {key: value or null}}`.

    Another reference has its own title in place of "real".
    """
    title = "real" if reference is REAL else reference.title
    first = {key: reference.values.get(key, math.nan) for key in MEASURES}
    all_of_them: dict[str, Mapping[str, float]] = {title: first, **datasets}
    known = {
        title: {key: None if math.isnan(value) else value for key, value in statistics.items()}
        for title, statistics in all_of_them.items()
    }
    return json.dumps(known, indent=2) + "\n"


FORMATS: dict[str, Callable[[Mapping[str, Statistics], Reference], str]] = {
    ".md": to_markdown,
    ".json": to_json,
}
