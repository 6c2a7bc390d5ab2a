"""Metrics by slice: each source family of file names on its own."""

import numpy as np

from scratch_d2.evaluation.images import ImageTable, Judged, families
from scratch_d2.metrics.image_metrics import image_metrics

FAMILY_FIGURES = ("precision_bad", "recall_bad", "F1_bad", "AUC")


def family_metrics(images: ImageTable, judged: Judged) -> dict[str, float]:
    """Return the figures of each source family of file names as `<family>_<figure>`.

    Each has images, bad, and the figures of `FAMILY_FIGURES` with their intervals. Nothing where
    all images are of one family.
    """
    family = np.array(families(images.file))
    called_bad, score = judged.get("both", judged["area"])
    figures: dict[str, float] = {}
    names = sorted(set(family))
    for name in names if len(names) > 1 else []:
        own = family == name
        part = images.select(own)
        found = image_metrics(part.bad, called_bad[own], score[own], part.group)
        figures[f"{name}_images"], figures[f"{name}_bad"] = float(own.sum()), float(part.bad.sum())
        for figure in FAMILY_FIGURES:
            for end in ("", "_low", "_high"):
                figures[f"{name}_{figure}{end}"] = found[f"{figure}{end}"]
    return figures
