"""A calibration as text for the terminal."""

import math
from collections.abc import Mapping

from scratch_d2.evaluation.calibration.choice import Calibration
from scratch_d2.evaluation.calibration.figures import Figures
from scratch_d2.inspection.thresholds import Thresholds

ROWS = {
    "precision_bad": "precision of Bad",
    "recall_bad": "recall of Bad",
    "F1_bad": "F1 of Bad",
    "accuracy": "accuracy",
    "bad_as_good": "Bad missed",
    "good_as_bad": "false alarms",
    "bad_as_review": "of these for review: Bad",
    "good_as_review": "of these for review: Good",
    "skipped": "skipped by the gate",
    "review": "for review",
}


def format_calibration(
    calibration: Calibration, others: Mapping[str, tuple[Thresholds, Figures | None]]
) -> str:
    """Lay out chosen thresholds, their figures, what to expect, and figures of other thresholds.

    Args:
        others: by name, with their figures on the same images, None where they are not known.
    """
    points = {"chosen": calibration.thresholds} | {n: point for n, (point, _) in others.items()}
    lines = ["", f"{calibration.method}:"]
    lines += [f"  {name:<8}{describe(point)}" for name, point in points.items()]
    columns = {"here": calibration.figures} | {name: found for name, (_, found) in others.items()}
    title = "".join(f"{name:>10}" for name in columns)
    lines += ["", f"{'':<28}{title}   {'expected':<22}"]
    reviewed = any(found and found["review"] for found in columns.values())
    for name, text in ROWS.items():
        if reviewed or "review" not in name:
            cells = "".join(f"{_show(found, name):>10}" for found in columns.values())
            lines.append(f"{text:<28}{cells}   {_show_range(calibration.expected, name)}".rstrip())
    lines += ["", *_gate_lines(calibration.gate)]
    return "\n".join([*lines, *(f"warning: {text}" for text in calibration.warnings)])


def describe(thresholds: Thresholds) -> str:
    """Return thresholds in words."""
    unit = "px" if thresholds.area_unit == "pixel" else "of the image"
    text = f"Bad from {thresholds.area:g} {unit} on ({thresholds.area_method}), "
    if thresholds.review_band:
        low, high = thresholds.review_band
        text += f"review from {low:g} to {high:g}, "
    return text + (
        f"gate skips p(Bad) below {thresholds.gate_skip:g}"
        if thresholds.gate_skip
        else "gate skips nothing"
    )


def _gate_lines(gate: Figures | None) -> list[str]:
    if gate is None or not gate["bad"]:
        return []
    return [
        f"The gate lets {gate['bad_skipped']} of {gate['bad']} Bad images pass here; of new ones "
        f"like these it will be about {gate['bound']:.1%} at most, on average."
    ]


def _show(figures: Figures | None, name: str) -> str:
    value = math.nan if figures is None else figures[name]
    if math.isnan(value):
        return "-"
    return f"{value:.0f}" if "_as_" in name else f"{value:.3f}"


def _show_range(figures: Figures | None, name: str) -> str:
    text, low = _show(figures, name), (figures or {}).get(f"{name}_low", math.nan)
    return text if math.isnan(low) else f"{text} ({low:.3f} to {figures[f'{name}_high']:.3f})"
