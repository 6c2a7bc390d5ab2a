"""Good/Bad metrics of whole images, by scikit-learn."""

import math

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    precision_recall_fscore_support,
    roc_auc_score,
)


def image_metrics(bad: np.ndarray, called_bad: np.ndarray, score: np.ndarray) -> dict[str, float]:
    """Return the Good/Bad metrics of N images, each in 0..1, and the confusion counts.

    Keys are precision, recall and F1 with the suffixes _bad, _good, _macro and _weighted;
    accuracy; true and false counts as `bad_as_bad` and so on; AUC (ROC) and AP_bad
    (precision-recall) of the score. `recall_bad_low/high` and `precision_bad_low/high` are 95%
    Wilson intervals. Without a Bad or without a Good image, what cannot be known is nan.

    Args:
        bad: [N] bool, whether an image is Bad.
        called_bad: [N] bool, whether it was judged Bad.
        score: [N] float, the higher the more likely Bad.
    """
    bad, called_bad = np.asarray(bad, bool), np.asarray(called_bad, bool)
    metrics: dict[str, float] = {}
    per_class = precision_recall_fscore_support(
        bad, called_bad, labels=[False, True], zero_division=0.0
    )
    for name, (good_value, bad_value) in zip(("precision", "recall", "F1"), per_class):
        metrics[f"{name}_good"], metrics[f"{name}_bad"] = float(good_value), float(bad_value)
    for average in ("macro", "weighted"):
        values = precision_recall_fscore_support(
            bad, called_bad, labels=[False, True], average=average, zero_division=0.0
        )
        for name, value in zip(("precision", "recall", "F1"), values):
            metrics[f"{name}_{average}"] = float(value)
    metrics["accuracy"] = float(np.mean(bad == called_bad))
    counts = confusion_matrix(bad, called_bad, labels=[False, True])
    for row, truth in enumerate(("good", "bad")):
        for column, verdict in enumerate(("good", "bad")):
            metrics[f"{truth}_as_{verdict}"] = float(counts[row, column])
    both = bad.any() and not bad.all()
    metrics["AUC"] = float(roc_auc_score(bad, score)) if both else math.nan
    metrics["AP_bad"] = float(average_precision_score(bad, score)) if both else math.nan
    hits = int(counts[1, 1])
    for name, total in (("recall_bad", counts[1].sum()), ("precision_bad", counts[:, 1].sum())):
        metrics[f"{name}_low"], metrics[f"{name}_high"] = wilson_interval(hits, int(total))
    return metrics


def wilson_interval(hits: int, total: int) -> tuple[float, float]:
    """Return the 95% Wilson score interval of a share; nan without any trial."""
    if total == 0:
        return math.nan, math.nan
    low, high = binomtest(hits, total).proportion_ci(method="wilson")
    return float(low), float(high)
