"""A calibration as text for the terminal."""

import math
from collections.abc import Mapping, Sequence

from scratch_d2.calibration.choice import Calibration
from scratch_d2.calibration.figures import COUNTS, Figures
from scratch_d2.structures.thresholds import Thresholds

ROWS = {
    "precision_bad": "precision of Bad",
    "recall_bad": "recall of Bad",
    "F1_bad": "F1 of Bad",
    "accuracy": "accuracy",
    "bad_as_good": "missed Bad",
    "good_as_bad": "false alarms",
    "skipped": "skipped by the gate",
    "bad_skipped": "  Bad among them",
    "review": "for review (counts as Bad)",
    "bad_as_review": "  Bad among them",
    "good_as_review": "  Good among them",
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
    lines += ["", _line("", ["here", "expected (95%)", *others])]
    columns = [calibration.figures, calibration.expected, *(found for _, found in others.values())]
    reviewed = any(found and found["review"] for found in columns)
    for name, text in ROWS.items():
        if reviewed or "review" not in name:
            here, expected, *rest = (_show(found, name) for found in columns)
            expected += _interval(calibration.expected, name)
            lines.append(_line(text, [here, expected, *rest]))
    lines += ["", *(f"warning: {text}" for text in calibration.warnings)]
    return "\n".join(lines)


def describe(thresholds: Thresholds) -> str:
    """Return thresholds in words."""
    unit = "px" if thresholds.area_unit == "pixel" else "of the image"
    text = f"Bad from {thresholds.area:.10g} {unit} on ({thresholds.area_method}), "
    if thresholds.review_band:
        low, high = thresholds.review_band
        text += f"review from {low:.10g} to {high:.10g}, "
    return text + (
        f"gate skips p(Bad) below {thresholds.gate_threshold:g}"
        if thresholds.gate_threshold
        else "gate skips nothing"
    )


def _line(title: str, cells: Sequence[str]) -> str:
    here, expected, *rest = cells
    return f"{title:<28}{here:>8}{expected:>24}" + "".join(f"{cell:>10}" for cell in rest)


def _show(figures: Figures | None, name: str) -> str:
    value = math.nan if figures is None else figures[name]
    if math.isnan(value):
        return "-"
    return f"{value:.0f}" if name in COUNTS else f"{value:.3f}"


def _interval(figures: Figures | None, name: str) -> str:
    low = (figures or {}).get(f"{name}_low", math.nan)
    return "" if math.isnan(low) else f" ({low:.3f}-{figures[f'{name}_high']:.3f})"
