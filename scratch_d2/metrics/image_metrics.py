"""Good/Bad metrics of whole images, with 95% intervals.

They equal scikit-learn's. They are computed here because the intervals need them for a thousand
replicates at once.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest

from scratch_d2.metrics.bootstrap import Resampling, interval, resample

# Each metric over the replicates of a bootstrap, [B]; the first is that of the data themselves.
Replicates = dict[str, np.ndarray]
REQUIRED_RECALLS = (90, 95, 99)  # percent
CLASSES = ("good", "bad")
# The confusion matrix by [true class, predicted class]; Bad is the positive class.
CONFUSION = (("tn", "fp"), ("fn", "tp"))


def image_metrics(
    y_true: np.ndarray,
    y_pred: np.ndarray,
    y_score: np.ndarray,
    groups: Sequence[object] | None = None,
) -> dict[str, float]:
    """Return the Good/Bad metrics of N images, each in 0..1, and the confusion matrix.

    Keys are precision, recall and F1 with the suffixes _bad, _good, _macro and _weighted;
    accuracy; the counts tp, fp, fn and tn, with Bad as positive; and of the score AUC (ROC),
    AP_bad (average precision) and precision_at_recall_90, _95, _99, the highest precision of Bad
    at a threshold with at least this recall. Every metric has its 95% interval, `<key>_low` and
    `<key>_high`, by a bootstrap over groups. If all replicates agree, precision, recall and
    accuracy get Wilson's interval for as many trials as there are groups, and other metrics nan.

    Precision or recall with a denominator of 0 is 0. Metrics of the score are nan if all images
    are of one class.

    Args:
        y_true: [N] bool, whether an image is Bad.
        y_pred: [N] bool, whether it was judged Bad.
        y_score: [N] float, higher is more likely Bad.
        groups: [N], the group of each image; None makes each image a group of its own.
    """
    y_true, y_pred = np.asarray(y_true, bool), np.asarray(y_pred, bool)
    resampling = resample(range(len(y_true)) if groups is None else groups)
    confusion = _count_confusion(y_true, y_pred, resampling)
    ratios = rates(confusion)
    replicates = {**ratios, **ranking(y_true, np.asarray(y_score, float), resampling)}

    metrics: dict[str, float] = {}
    for name, values in replicates.items():
        metrics[name] = float(np.nan_to_num(values[0]) if name in ratios else values[0])
        metrics[f"{name}_low"], metrics[f"{name}_high"] = interval(values)
    for name, chosen in _denominators(y_true, y_pred).items():
        if math.isnan(metrics[f"{name}_low"]):
            total = len(set(resampling.group[chosen]))
            ends = wilson_interval(round(metrics[name] * total), total)
            metrics[f"{name}_low"], metrics[f"{name}_high"] = ends
    for names, counts in zip(CONFUSION, confusion[0]):
        metrics |= dict(zip(names, map(float, counts)))
    return metrics


def _count_confusion(y_true: np.ndarray, y_pred: np.ndarray, resampling: Resampling) -> np.ndarray:
    """Return the confusion matrix of each replicate, [B, true class, predicted class]."""
    is_true = np.stack([~y_true, y_true])
    is_predicted = np.stack([~y_pred, y_pred])
    cells = (is_true[:, None] & is_predicted[None]).reshape(4, -1).T
    return resampling.totals(cells.astype(float)).reshape(-1, 2, 2)


def rates(confusion: np.ndarray) -> Replicates:
    """Return precision, recall, F1, their averages and accuracy, [B] each.

    Ratios with a denominator of 0 are nan, and count as 0 in averages.

    Args:
        confusion: [B, true class, predicted class], Good before Bad.
    """
    correct = confusion[:, [0, 1], [0, 1]]
    support, predicted = confusion.sum(axis=2), confusion.sum(axis=1)
    by_class = {
        "precision": _ratio(correct, predicted),
        "recall": _ratio(correct, support),
        "F1": _ratio(2 * correct, support + predicted),
    }
    metrics = {f"{n}_{c}": v[:, i] for n, v in by_class.items() for i, c in enumerate(CLASSES)}
    total = support.sum(axis=1)
    for name, values in by_class.items():
        values = np.nan_to_num(values)
        metrics[f"{name}_macro"] = values.mean(axis=1)
        metrics[f"{name}_weighted"] = _ratio((values * support).sum(axis=1), total)
    metrics["accuracy"] = _ratio(correct.sum(axis=1), total)
    return metrics


def ranking(y_true: np.ndarray, y_score: np.ndarray, resampling: Resampling) -> Replicates:
    """Return AUC, AP_bad and precision_at_recall_* of the score, [B] each.

    All are nan in replicates that hold only one class.
    """
    levels, level = np.unique(-y_score, return_inverse=True)
    bad = resampling.blocks(np.flatnonzero(y_true), level[y_true], len(levels))
    good = resampling.blocks(np.flatnonzero(~y_true), level[~y_true], len(levels))
    blocks = [_rank(*counts) for counts in zip(bad, good)]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _rank(bad: np.ndarray, good: np.ndarray) -> Replicates:
    """Rank by counts of Bad and Good, [B, levels of the score], the highest level first."""
    tp, fp = bad.cumsum(axis=1), good.cumsum(axis=1)
    positives, negatives = (counts.sum(axis=1, keepdims=True) for counts in (bad, good))
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = tp / positives
        precision = np.nan_to_num(tp / (tp + fp))
        # A Bad and a Good image of one score count as half in order.
        in_order = (bad * (negatives - fp + good / 2)).sum(axis=1)
        metrics = {
            "AUC": in_order / (positives * negatives)[:, 0],
            "AP_bad": (bad * precision).sum(axis=1) / positives[:, 0],
        }
    for percent in REQUIRED_RECALLS:
        usable = np.where(recall >= percent / 100, precision, 0)
        metrics[f"precision_at_recall_{percent}"] = usable.max(axis=1, initial=0)
    defined = ((positives > 0) & (negatives > 0))[:, 0]
    return {name: np.where(defined, values, np.nan) for name, values in metrics.items()}


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)


def _denominators(y_true: np.ndarray, y_pred: np.ndarray) -> dict[str, np.ndarray]:
    """Return for each ratio the images in its denominator, [N] bool."""
    return {
        "accuracy": np.ones(len(y_true), bool),
        "recall_bad": y_true,
        "recall_good": ~y_true,
        "precision_bad": y_pred,
        "precision_good": ~y_pred,
    }


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95% Wilson score interval of a ratio; nan without any trial."""
    if trials == 0:
        return math.nan, math.nan
    low, high = binomtest(successes, trials).proportion_ci(method="wilson")
    return float(low), float(high)
