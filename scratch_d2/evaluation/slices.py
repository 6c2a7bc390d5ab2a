"""Metrics by slice: each source family of file names on its own."""

import numpy as np

from scratch_d2.evaluation.images import ImageTable, Judged, families
from scratch_d2.metrics.image_metrics import image_metrics

FAMILY_METRICS = ("precision_bad", "recall_bad", "F1_bad", "AUC")


def family_metrics(images: ImageTable, judged: Judged) -> dict[str, float]:
    """Return the metrics of each source family of file names as `<family>_<metric>`.

    Each family has the counts `images` and `bad`, and `FAMILY_METRICS` with their intervals.
    Returns {} if all images are of one family.
    """
    family = np.array(families(images.file))
    y_pred, y_score = judged.get("both", judged["area"])
    metrics: dict[str, float] = {}
    names = sorted(set(family))
    for name in names if len(names) > 1 else []:
        own = family == name
        part = images.select(own)
        of_family = image_metrics(part.y_true, y_pred[own], y_score[own], part.group)
        metrics[f"{name}_images"] = float(len(part))
        metrics[f"{name}_bad"] = float(part.y_true.sum())
        for metric in FAMILY_METRICS:
            for end in ("", "_low", "_high"):
                metrics[f"{name}_{metric}{end}"] = of_family[f"{metric}{end}"]
    return metrics
