"""A calibration as text for the terminal."""

import math
from collections.abc import Mapping

from scratch_d2.calibration.choice import Calibration
from scratch_d2.calibration.metrics import COUNTS, VerdictMetrics
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.utils.tables import format_table

ROWS = {
    "precision_bad": "precision of Bad",
    "recall_bad": "recall of Bad",
    "F1_bad": "F1 of Bad",
    "accuracy": "accuracy",
    "fn": "false negatives (missed Bad)",
    "fp": "false positives",
    "below_threshold": "below the gate threshold",
    "bad_below_threshold": "Bad below the gate threshold",
    "for_review": "for review (counts as Bad)",
    "bad_for_review": "Bad for review",
    "good_for_review": "Good for review",
}


def format_calibration(
    calibration: Calibration, others: Mapping[str, tuple[Thresholds, VerdictMetrics | None]]
) -> str:
    """Format chosen thresholds and their metrics beside those of other thresholds.

    Args:
        others: other thresholds by name, with their metrics on the same images, None if unknown.
    """
    name = "kept" if calibration.kept else "chosen"
    points = {name: calibration.thresholds} | {n: point for n, (point, _) in others.items()}
    lines = [f"  {name:<8}{format_thresholds(point)}" for name, point in points.items()]
    columns = {"here": calibration.metrics, "expected (95%)": calibration.expected}
    columns |= {name: metrics for name, (_, metrics) in others.items()}
    reviewed = any(metrics and metrics["for_review"] for metrics in columns.values())
    rows = []
    for name, title in ROWS.items():
        if reviewed or "review" not in name:
            here, expected, *rest = (_format_value(metrics, name) for metrics in columns.values())
            expected += _format_interval(calibration.expected, name)
            rows.append([title, here, expected, *rest])
    table = format_table(rows, ["", *columns])
    warnings = [f"warning: {text}" for text in calibration.warnings]
    if calibration.kept:
        warnings.append(f"note: {calibration.kept['reason']}; --anew takes the new ones")
    return "\n".join(["", f"{calibration.method}:", *lines, "", table, "", *warnings])


def format_thresholds(thresholds: Thresholds) -> str:
    """Return thresholds in words."""
    unit = {"pixel": "px", "mm2": "mm²"}.get(thresholds.area_unit, "of the image")
    scaled = "" if thresholds.area_scaling == "none" else " times (1 - p) / p, p = p(Bad)"
    text = f"Bad from an area of {thresholds.area:.10g} {unit} ({thresholds.area_method}){scaled}, "
    if thresholds.review_band:
        low, high = thresholds.review_band
        text += f"review from {low:.10g} to {high:.10g}{scaled and ' times the same'}, "
    text += f"gate threshold {thresholds.gate_threshold:g}"
    if thresholds.gate_upper_threshold is not None:
        text += f", Bad from p(Bad) {thresholds.gate_upper_threshold:g} on"
    return text


def _format_value(metrics: VerdictMetrics | None, name: str) -> str:
    value = math.nan if metrics is None else metrics[name]
    if math.isnan(value):
        return "-"
    return f"{value:.0f}" if name in COUNTS else f"{value:.3f}"


def _format_interval(metrics: VerdictMetrics | None, name: str) -> str:
    if metrics is None or math.isnan(metrics.get(f"{name}_low", math.nan)):
        return ""
    return f" ({metrics[f'{name}_low']:.3f}-{metrics[f'{name}_high']:.3f})"
