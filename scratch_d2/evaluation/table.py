"""Results of an evaluation as text for the terminal."""

import math

from scratch_d2.evaluation.evaluate import Results
from scratch_d2.evaluation.images import JUDGES

TITLES = {"area": "area rule", "gate": "gate", "both": "gate+area"}
ROWS = (
    *(f"{metric}_{of}" for of in ("bad", "good") for metric in ("precision", "recall", "F1")),
    *("accuracy", "precision_macro", "recall_macro", "F1_macro"),
    *("precision_weighted", "recall_weighted", "F1_weighted", "AUC", "AP_bad"),
)
COUNTS = ("bad_as_bad", "bad_as_good", "good_as_good", "good_as_bad")


def format_results(results: Results) -> str:
    """Lay out AP, Good/Bad metrics and confusion counts; what cannot be known is a dash."""
    lines = ["", f"{'COCO':<22}" + "".join(f"{name:>11}" for name in results["bbox"])]
    for kind, title in (("bbox", "boxes"), ("segm", "masks")):
        lines.append(f"{title:<22}" + "".join(f"{_show(v, 1):>11}" for v in results[kind].values()))
    image = results["image"]
    judges = [judge for judge in JUDGES if f"{judge}_accuracy" in image]
    lines += ["", f"{'Good/Bad':<22}" + "".join(f"{TITLES[judge]:>11}" for judge in judges)]
    for names, digits in ((ROWS, 3), (COUNTS, 0)):
        for name in names:
            values = (_show(image[f"{judge}_{name}"], digits) for judge in judges)
            lines.append(f"{name:<22}" + "".join(f"{value:>11}" for value in values))
    return "\n".join(lines)


def _show(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"
