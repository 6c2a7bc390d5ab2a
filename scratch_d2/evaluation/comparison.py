"""Several evaluations side by side, as a Markdown table."""

import math
from collections.abc import Sequence
from pathlib import Path

from scratch_d2.evaluation.files import Results, read_figures
from scratch_d2.evaluation.table import TITLES, last_judge, with_interval

# (title, group, figure, digits); "image" figures are those of the last judge.
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
    """Return a Markdown table, a column per evaluation folder, figures with their 95% intervals.

    A folder is one that holds evaluation.json, or a run whose inference/ does. A sentence below the
    table warns where the runs were not evaluated on the same images and masks.

    Raises FileNotFoundError or ValueError naming the file that cannot be read.
    """
    found = [_find(Path(folder)) for folder in folders]
    read = [read_figures(folder) for folder in found]
    lines = [["", *_names(found)], ["---", *("---:" for _ in found)]]
    lines.append(["judged by", *(TITLES[last_judge(results)] for results, _ in read)])
    for title, group, figure, digits in ROWS:
        cells = [_cell(results, group, figure, digits) for results, _ in read]
        if any(cell != "-" for cell in cells):
            lines.append([title, *cells])
    for key, title in (("images", "images"), ("bad", "Bad images"), ("groups", "groups")):
        lines.append([title, *(str(about.get(key, "-")) for _, about in read)])
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    if len({about.get("data_sha256") for _, about in read}) > 1:
        names = ", ".join(f"{n}: {a.get('dataset')}" for n, (_, a) in zip(_names(found), read))
        table += f"\nThese runs were not evaluated on the same images and masks ({names}).\n"
    return table


def _find(folder: Path) -> Path:
    inside = folder / "inference"
    return inside if inside.is_dir() else folder


def _names(folders: Sequence[Path]) -> list[str]:
    """Name each folder by as few of its last parts as tell all apart; inference/ is left out."""
    paths = [(f.parent if f.name == "inference" else f).resolve().parts for f in folders]
    for depth in range(1, max(map(len, paths)) + 1):
        names = ["/".join(parts[-depth:]) for parts in paths]
        if len(set(names)) == len(names):
            return names
    return [str(folder) for folder in folders]


def _cell(results: Results, group: str, figure: str, digits: int) -> str:
    prefix = f"{last_judge(results)}_" if group == "image" else ""
    figures = results.get(group, {})
    name = prefix + figure
    return "-" if math.isnan(figures.get(name, math.nan)) else with_interval(figures, name, digits)
