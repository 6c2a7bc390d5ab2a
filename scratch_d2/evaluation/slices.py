"""Metrics by slice: each source family of file names, and each kind of defect, on its own."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scratch_d2.evaluation.images import (
    MIN_SLICE_IMAGES,
    OTHER_FAMILIES,
    ImageTable,
    Judged,
    families,
)
from scratch_d2.metrics.bootstrap import resample
from scratch_d2.metrics.coco_ap import average_precision
from scratch_d2.metrics.image_metrics import image_metrics
from scratch_d2.structures.prediction import Prediction

FAMILY_METRICS = ("precision_bad", "recall_bad", "F1_bad", "AUC")
KIND_METRICS = ("recall_bad", "AUC")
ENDS = ("", "_low", "_high")


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
            for end in ENDS:
                metrics[f"{name}_{metric}{end}"] = of_family[f"{metric}{end}"]
    return metrics


def kind_metrics(
    dicts: Sequence[Mapping[str, Any]],
    predictions: Mapping[Any, Prediction],
    images: ImageTable,
    judged: Judged,
    max_dets: int,
) -> dict[str, float]:
    """Return the metrics of each kind of defect against all Good images, as `<kind>_<metric>`.

    Each kind has the counts `images` and `groups`, `KIND_METRICS`, and AP and AP50 of masks in
    percent, with their intervals. Returns {} if all Bad images are of one kind.
    """
    kind = np.array(kinds([item.get("kind", "") for item in dicts], images.y_true))
    y_pred, y_score = judged.get("both", judged["area"])
    names = sorted(set(kind[images.y_true]))
    metrics: dict[str, float] = {}
    for name in names if len(names) > 1 else []:
        own = (kind == name) | ~images.y_true
        part = images.select(own)
        of_kind = image_metrics(part.y_true, y_pred[own], y_score[own], part.group)
        metrics[f"{name}_images"] = float(part.y_true.sum())
        metrics[f"{name}_groups"] = float(len(set(np.array(part.group)[part.y_true])))
        chosen = [item for item, is_own in zip(dicts, own) if is_own]
        ap = average_precision(chosen, predictions, max_dets, resample(part.group))["segm"]
        for source, wanted in ((of_kind, KIND_METRICS), (ap, ("AP", "AP50"))):
            metrics |= {f"{name}_{m}{end}": source[f"{m}{end}"] for m in wanted for end in ENDS}
    return metrics


def kinds(names: Sequence[str], y_true: np.ndarray) -> list[str]:
    """Return the kind of each image; "" of Good images, and small kinds of Bad ones together."""
    counts = Counter(name for name, bad in zip(names, y_true) if bad)
    small = {name for name, count in counts.items() if count < MIN_SLICE_IMAGES or not name}
    return [
        (OTHER_FAMILIES if name in small else name) if bad else ""
        for name, bad in zip(names, y_true)
    ]
