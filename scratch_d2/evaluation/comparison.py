"""A Markdown table of several evaluations side by side."""

import math
from collections.abc import Sequence
from pathlib import Path

from scratch_d2.evaluation.files import Results, read_evaluation
from scratch_d2.evaluation.table import TITLES, last_judge, with_interval
from scratch_d2.utils.tables import format_table

# (title, group, metric, digits); metrics of the group "image" are those of the last judge.
ROWS = (
    ("mask AP", "segm", "AP", 1),
    ("mask AP50", "segm", "AP50", 1),
    ("mask AP of thin scratches", "segm", "AP_thin", 1),
    ("precision (Bad)", "image", "precision_bad", 3),
    ("recall (Bad)", "image", "recall_bad", 3),
    ("F1 (Bad)", "image", "F1_bad", 3),
    ("F1 (macro)", "image", "F1_macro", 3),
    ("accuracy", "image", "accuracy", 3),
    ("ROC AUC", "image", "AUC", 3),
    ("average precision (Bad)", "image", "AP_bad", 3),
    ("precision at recall 0.95", "image", "precision_at_recall_95", 3),
    ("Dice", "pixel", "dice", 3),
    ("skeleton recall", "pixel", "skeleton_recall", 3),
    ("skeleton recall, thin", "pixel", "skeleton_recall_thin", 3),
    ("below the gate threshold", "gate", "below_threshold", 3),
    ("ms per image", "speed", "ms_inspect", 1),
    ("images seen in training", "leak", "test_images", 0),
)


def compare_runs(folders: Sequence[str | Path]) -> str:
    """Return a Markdown table with one column per evaluation: metrics and 95% intervals.

    A sentence below the table warns if the runs were not evaluated on the same images and masks.

    Args:
        folders: each holds evaluation.json, or an inference/ that does.

    Raises FileNotFoundError or ValueError naming the file that cannot be read.
    """
    paths = [_evaluation_folder(Path(folder)) for folder in folders]
    names = _names(paths)
    results, metadata = zip(*(read_evaluation(path) for path in paths))
    rows = [["judged by", *(TITLES[last_judge(each)] for each in results)]]
    for title, group, metric, digits in ROWS:
        cells = [_cell(each, group, metric, digits) for each in results]
        if any(cell != "-" for cell in cells):
            rows.append([title, *cells])
    for key, title in (("images", "images"), ("bad", "Bad images"), ("groups", "groups")):
        rows.append([title, *(str(each.get(key, "-")) for each in metadata)])
    table = format_table(rows, ["", *names], markdown=True) + "\n"
    if len({each.get("data_sha256") for each in metadata}) > 1:
        data = ", ".join(f"{n}: {each.get('dataset')}" for n, each in zip(names, metadata))
        table += f"\nThese runs were not evaluated on the same images and masks ({data}).\n"
    return table


def _evaluation_folder(folder: Path) -> Path:
    inside = folder / "inference"
    return inside if inside.is_dir() else folder


def _names(folders: Sequence[Path]) -> list[str]:
    """Name each folder by its last parts, as few as make the names differ, without inference/."""
    paths = [(f.parent if f.name == "inference" else f).resolve().parts for f in folders]
    for depth in range(1, max(map(len, paths)) + 1):
        names = ["/".join(parts[-depth:]) for parts in paths]
        if len(set(names)) == len(names):
            return names
    return [str(folder) for folder in folders]


def _cell(results: Results, group: str, metric: str, digits: int) -> str:
    prefix = f"{last_judge(results)}_" if group == "image" else ""
    metrics = results.get(group, {})
    name = prefix + metric
    return "-" if math.isnan(metrics.get(name, math.nan)) else with_interval(metrics, name, digits)
