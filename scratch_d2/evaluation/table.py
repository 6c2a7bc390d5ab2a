"""Results of an evaluation as text for the terminal."""

import math
from pathlib import Path

from scratch_d2.evaluation.files import Results, read_figures
from scratch_d2.evaluation.images import JUDGES
from scratch_d2.metrics.image_metrics import REQUIRED_RECALLS

TITLES = {"area": "area rule", "gate": "gate", "both": "gate+area"}
ROWS = (
    *(f"{metric}_{of}" for of in ("bad", "good") for metric in ("precision", "recall", "F1")),
    *("accuracy", "precision_macro", "recall_macro", "F1_macro"),
    *("precision_weighted", "recall_weighted", "F1_weighted", "AUC", "AP_bad"),
    *(f"precision_at_recall_{percent}" for percent in REQUIRED_RECALLS),
)
COUNTS = ("tp", "fp", "fn", "tn")
AP_COLUMNS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AP_thin", "AP_mid", "AP_wide")


def format_evaluation(folder: str | Path) -> str:
    """Lay out an evaluation that was written into a folder, and what one should know of it."""
    results, about = read_figures(folder)
    counts = f"{about['images']} images, {about['bad']} Bad, {about['groups']} groups"
    notes = [f"note: {sentence}" for sentence in about["notes"]]
    return "\n".join(
        [f"{about['dataset']}: {counts}{format_results(results)}", "", *notes]
    ).rstrip()


def format_results(results: Results) -> str:
    """Lay out AP, Good/Bad metrics and confusion counts; what cannot be known is a dash."""
    lines = ["", f"{'COCO':<22}" + "".join(f"{name:>9}" for name in AP_COLUMNS)]
    for kind, title in (("bbox", "boxes"), ("segm", "masks")):
        values = (results[kind].get(name, math.nan) for name in AP_COLUMNS)
        lines.append(f"{title:<22}" + "".join(f"{_show(v, 1):>9}" for v in values))
    lines += _image_lines(results["image"])
    for task, title in (
        ("pixel", "Bad images, by pixel"),
        ("families", "By family of file names"),
        ("gate", "What the gate does"),
        ("speed", "Speed"),
        ("leak", "Images seen in training"),
    ):
        if task in results:
            lines += ["", title, *_plain_lines(results[task])]
    return "\n".join(lines)


def headline(results: Results) -> str:
    """Return mask AP and F1 of Bad, with their intervals, in one line."""
    image, judge = results["image"], last_judge(results)
    ap, f1 = with_interval(results["segm"], "AP", 2), with_interval(image, f"{judge}_F1_bad", 3)
    return f"mask AP {ap}, F1 of Bad {f1}"


def last_judge(results: Results) -> str:
    """Return whose verdict counted in the end: "both" where there was a gate, else "area"."""
    return "both" if "both_F1_bad" in results.get("image", {}) else "area"


def _image_lines(image: dict[str, float]) -> list[str]:
    judges = [judge for judge in JUDGES if f"{judge}_accuracy" in image]
    lines = ["", f"{'Good/Bad':<22}" + "".join(f"{TITLES[judge]:>24}" for judge in judges)]
    for name in ROWS:
        cells = (with_interval(image, f"{judge}_{name}", 3) for judge in judges)
        lines.append(f"{name:<22}" + "".join(f"{cell:>24}" for cell in cells))
    for name in COUNTS:
        cells = (_show(image[f"{judge}_{name}"], 0) for judge in judges)
        lines.append(f"{name:<22}" + "".join(f"{cell:>24}" for cell in cells))
    return lines


def _plain_lines(figures: dict[str, float]) -> list[str]:
    names = [name for name in figures if not name.endswith(("_low", "_high"))]
    width = max(22, *(len(name) + 2 for name in names))
    return [f"{name:<{width}}{with_interval(figures, name, 3):>24}" for name in names]


def with_interval(figures: dict[str, float], name: str, digits: int) -> str:
    """Return a figure and, where it is known, its 95% interval, as in `0.812 0.764-0.855`."""
    value = figures.get(name, math.nan)
    low, high = figures.get(f"{name}_low", math.nan), figures.get(f"{name}_high", math.nan)
    if value.is_integer() and f"{name}_low" not in figures:
        digits = 0
    known = not (math.isnan(low) or math.isnan(high))
    return _show(value, digits) + (f" {low:.{digits}f}-{high:.{digits}f}" if known else "")


def _show(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"
