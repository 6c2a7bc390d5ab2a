"""What thresholds are worth on images: Good/Bad metrics, what the gate skips, what is reviewed."""

import math

import numpy as np

from scratch_d2.evaluation.images import ImageTable, judge_images
from scratch_d2.metrics.image_metrics import image_metrics
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.structures.verdict import label_of

Figures = dict[str, float]
SHARES = ("precision_bad", "recall_bad", "F1_bad", "accuracy")
COUNTS = (
    *("bad_as_bad", "bad_as_good", "good_as_good", "good_as_bad"),
    *("bad_skipped", "bad_as_review", "good_as_review"),
)
RATES = ("skipped", "review")


def measure(images: ImageTable, thresholds: Thresholds) -> Figures | None:
    """Return the figures of thresholds on images; None without images, see `measure_verdicts`."""
    return measure_verdicts(images, give_verdicts(images, thresholds)) if len(images) else None


def give_verdicts(images: ImageTable, thresholds: Thresholds) -> np.ndarray:
    """Return [N, 4] float64 of N images: called Bad, score, skipped by the gate, for review."""
    judged = judge_images(images, thresholds)
    called, score = judged.get("both", judged["area"])
    skipped = ~judged["gate"][0] if "gate" in judged else np.zeros(len(images), bool)
    review = np.array([label_of(area, thresholds) == "review" for area in images.area], bool)
    return np.column_stack([called, score, skipped, review & ~skipped]).astype(float)


def measure_verdicts(images: ImageTable, verdicts: np.ndarray) -> Figures:
    """Return the figures of verdicts [N, 4] on N images, of one choice of thresholds or several.

    Those of `image_metrics` with 95% intervals over groups, for gate and area rule together;
    review counts as Bad. Beside them the shares `skipped` by the gate and sent to `review`, and
    the counts `bad_skipped`, `bad_as_review` and `good_as_review`.
    """
    called, score, skipped, review = verdicts.T
    return {
        **image_metrics(images.bad, called > 0, score, groups=images.group),
        "skipped": float(skipped.mean()),
        "review": float(review.mean()),
        "bad_skipped": float(skipped[images.bad].sum()),
        "bad_as_review": float(review[images.bad].sum()),
        "good_as_review": float(review[~images.bad].sum()),
    }


def state(figures: Figures | None) -> dict[str, float | int | None] | None:
    """Return those of the figures that thresholds.json holds; what cannot be known is None."""
    if figures is None:
        return None
    stated: dict[str, float | int | None] = {}
    for name in (*(f"{share}{end}" for share in SHARES for end in ("", "_low", "_high")), *RATES):
        value = figures[name]
        stated[name] = None if math.isnan(value) else round(value, 6)
    return stated | {name: int(figures[name]) for name in COUNTS}
