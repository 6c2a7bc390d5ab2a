"""What thresholds achieve on images: Good/Bad metrics, shares below the gate and for review."""

import math

import numpy as np

from scratch_d2.evaluation.images import ImageTable, judge_images
from scratch_d2.metrics.image_metrics import image_metrics
from scratch_d2.structures.labels import REVIEW
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.structures.verdict import decide

# What `measure_verdicts` returns.
VerdictMetrics = dict[str, float]
RATIOS = ("precision_bad", "recall_bad", "F1_bad", "accuracy")
COUNTS = (
    *("tp", "fp", "fn", "tn"),
    *("bad_below_threshold", "bad_for_review", "good_for_review"),
)
SHARES = ("below_threshold", "for_review")


def measure(images: ImageTable, thresholds: Thresholds) -> VerdictMetrics | None:
    """Return the metrics of thresholds on images, see `measure_verdicts`; None without images."""
    return measure_verdicts(images, give_verdicts(images, thresholds)) if len(images) else None


def give_verdicts(images: ImageTable, thresholds: Thresholds) -> np.ndarray:
    """Return [N, 4] float64 of N images: y_pred, y_score, below the gate threshold, for review."""
    judged = judge_images(images, thresholds)
    y_pred, y_score = judged.get("both", judged["area"])
    below = ~judged["gate"][0] if "gate" in judged else np.zeros(len(images), bool)
    p_bads = [None] * len(images) if images.p_bad is None else images.p_bad
    labels = [decide(area, p, thresholds) for area, p in zip(images.area, p_bads)]
    review = np.array([label == REVIEW for label in labels], bool)
    return np.column_stack([y_pred, y_score, below, review]).astype(float)


def measure_verdicts(images: ImageTable, verdicts: np.ndarray) -> VerdictMetrics:
    """Return the metrics of verdicts [N, 4] on N images, of one choice of thresholds or several.

    These are those of `image_metrics` for gate and area rule together, with 95% intervals over
    groups; review counts as Bad. Added are the shares `below_threshold` (of the gate) and
    `for_review`, and the counts `bad_below_threshold`, `bad_for_review` and `good_for_review`.
    """
    y_pred, y_score, below, review = verdicts.T
    return {
        **image_metrics(images.y_true, y_pred > 0, y_score, groups=images.group),
        "below_threshold": float(below.mean()),
        "for_review": float(review.mean()),
        "bad_below_threshold": float(below[images.y_true].sum()),
        "bad_for_review": float(review[images.y_true].sum()),
        "good_for_review": float(review[~images.y_true].sum()),
    }


def to_dict(metrics: VerdictMetrics | None) -> dict[str, float | int | None] | None:
    """Return the metrics that thresholds.json holds, as JSON knows them; nan becomes None."""
    if metrics is None:
        return None
    names = (*(f"{ratio}{end}" for ratio in RATIOS for end in ("", "_low", "_high")), *SHARES)
    rounded = {name: None if math.isnan(v := metrics[name]) else round(v, 6) for name in names}
    return rounded | {name: int(metrics[name]) for name in COUNTS}
