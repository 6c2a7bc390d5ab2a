"""Results of an evaluation as text for the terminal."""

import math
from pathlib import Path

from scratch_d2.evaluation.files import Results, read_evaluation
from scratch_d2.evaluation.images import JUDGES
from scratch_d2.metrics.image_metrics import REQUIRED_RECALLS
from scratch_d2.utils.tables import format_table

TITLES = {"area": "area rule", "gate": "gate", "both": "gate+area"}
ROWS = (
    *(f"{metric}_{of}" for of in ("bad", "good") for metric in ("precision", "recall", "F1")),
    *("accuracy", "precision_macro", "recall_macro", "F1_macro"),
    *("precision_weighted", "recall_weighted", "F1_weighted", "AUC", "AP_bad"),
    *(f"precision_at_recall_{percent}" for percent in REQUIRED_RECALLS),
)
COUNTS = ("tp", "fp", "fn", "tn")
AP_COLUMNS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AP_thin", "AP_mid", "AP_wide")
# Metrics of each kind of defect, and their digits.
KINDS = (("images", 0), ("groups", 0), ("recall_bad", 3), ("AUC", 3), ("AP", 1), ("AP50", 1))
GROUPS = {
    "pixel": "Bad images, by pixel",
    "families": "By family of file names",
    "gate": "What the gate does",
    "speed": "Speed",
    "leak": "Images seen in training",
}


def format_evaluation(folder: str | Path) -> str:
    """Format the evaluation in a folder: what it was made on, its metrics, its notes."""
    results, metadata = read_evaluation(folder)
    counts = f"{metadata['images']} images, {metadata['bad']} Bad, {metadata['groups']} groups"
    head = f"{metadata['dataset']}: {counts}"
    notes = [f"note: {note}" for note in metadata["notes"]]
    return "\n".join([head, format_results(results), "", *notes]).rstrip()


def format_results(results: Results) -> str:
    """Format AP, Good/Bad metrics and counts as tables; a dash stands for what is not known."""
    tables = [_format_ap(results), _format_image_metrics(results["image"])]
    tables += [
        f"{title}\n{_format_group(results[task])}"
        for task, title in GROUPS.items()
        if results.get(task)
    ]
    if results.get("kinds"):
        tables.append(_format_kinds(results["kinds"]))
    return "\n" + "\n\n".join(tables)


def headline(results: Results) -> str:
    """Return mask AP and F1 of Bad, with their intervals, in one line."""
    image, judge = results["image"], last_judge(results)
    ap, f1 = with_interval(results["segm"], "AP", 2), with_interval(image, f"{judge}_F1_bad", 3)
    return f"mask AP {ap}, F1 of Bad {f1}"


def last_judge(results: Results) -> str:
    """Return the judge that decided: "both" with a gate, else "area"."""
    return "both" if "both_F1_bad" in results.get("image", {}) else "area"


def _format_ap(results: Results) -> str:
    rows = [
        [title, *(_format(results[kind].get(name, math.nan), 1) for name in AP_COLUMNS)]
        for kind, title in (("bbox", "boxes"), ("segm", "masks"))
    ]
    return format_table(rows, ["COCO", *AP_COLUMNS])


def _format_image_metrics(image: dict[str, float]) -> str:
    judges = [judge for judge in JUDGES if f"{judge}_accuracy" in image]
    rows = [[name, *(with_interval(image, f"{j}_{name}", 3) for j in judges)] for name in ROWS]
    rows += [[name, *(_format(image[f"{j}_{name}"], 0) for j in judges)] for name in COUNTS]
    return format_table(rows, ["Good/Bad", *(TITLES[judge] for judge in judges)])


def _format_group(metrics: dict[str, float]) -> str:
    names = [name for name in metrics if not name.endswith(("_low", "_high"))]
    return format_table([[name, with_interval(metrics, name, 3)] for name in names])


def _format_kinds(metrics: dict[str, float]) -> str:
    names = [name.removesuffix("_images") for name in metrics if name.endswith("_images")]
    rows = [
        [name, *(with_interval(metrics, f"{name}_{column}", digits) for column, digits in KINDS)]
        for name in names
    ]
    return format_table(rows, ["kind, against all Good", *(column for column, _ in KINDS)])


def with_interval(metrics: dict[str, float], name: str, digits: int) -> str:
    """Format a metric and, if it is known, its 95% interval, as in `0.812 0.764-0.855`."""
    value = metrics.get(name, math.nan)
    low, high = metrics.get(f"{name}_low", math.nan), metrics.get(f"{name}_high", math.nan)
    if value.is_integer() and f"{name}_low" not in metrics:
        digits = 0
    known = not (math.isnan(low) or math.isnan(high))
    return _format(value, digits) + (f" {low:.{digits}f}-{high:.{digits}f}" if known else "")


def _format(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"
