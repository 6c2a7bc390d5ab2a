"""Good/Bad metrics of whole images, with 95% intervals.

Figures equal scikit-learn's; they are written out for many replicates at once, which the intervals
need.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest

from scratch_d2.metrics.bootstrap import Resampling, interval, resample

Figures = dict[str, np.ndarray]
REQUIRED_RECALLS = (90, 95, 99)  # percent
CLASSES = ("good", "bad")


def image_metrics(
    bad: np.ndarray,
    called_bad: np.ndarray,
    score: np.ndarray,
    groups: Sequence[object] | None = None,
) -> dict[str, float]:
    """Return the Good/Bad metrics of N images, each in 0..1, and the confusion counts.

    Keys are precision, recall and F1 with the suffixes _bad, _good, _macro and _weighted;
    accuracy; of the score AUC (ROC), AP_bad (average precision) and precision_at_recall_90, _95,
    _99, the highest precision among thresholds that find at least this share of the Bad. Each has
    its 95% interval under `<key>_low` and `<key>_high`, from drawing groups anew; where all
    replicates agree, that of precision, recall and accuracy is Wilson's for as many trials as there
    are groups, and others are nan. True and false counts stand as `bad_as_bad` and so on. A
    precision or recall of nothing is 0; what the score cannot tell without a Bad or without a Good
    image is nan.

    Args:
        bad: [N] bool, whether an image is Bad.
        called_bad: [N] bool, whether it was judged Bad.
        score: [N] float, the higher the more likely Bad.
        groups: [N], which images are no independent trials; None takes each for one.
    """
    bad, called_bad = np.asarray(bad, bool), np.asarray(called_bad, bool)
    groups = range(len(bad)) if groups is None else groups
    resampling = resample(groups)
    cells = np.stack([bad == t for t in (0, 1)]), np.stack([called_bad == v for v in (0, 1)])
    confusion = (cells[0][:, None] & cells[1][None]).reshape(4, -1).T
    counts = resampling.totals(confusion.astype(float)).reshape(-1, 2, 2)  # [B, truth, verdict]
    shares = rates(counts)
    figures = {**shares, **ranking(bad, np.asarray(score, float), resampling)}

    metrics: dict[str, float] = {}
    for name, values in figures.items():
        metrics[name] = float(np.nan_to_num(values[0]) if name in shares else values[0])
        metrics[f"{name}_low"], metrics[f"{name}_high"] = interval(values)
    for name, trials in _trials(bad, called_bad).items():
        if math.isnan(metrics[f"{name}_low"]):
            number = len(set(resampling.group[trials]))
            ends = wilson_interval(round(metrics[name] * number), number)
            metrics[f"{name}_low"], metrics[f"{name}_high"] = ends
    for row, truth in enumerate(CLASSES):
        for column, verdict in enumerate(CLASSES):
            metrics[f"{truth}_as_{verdict}"] = float(counts[0, row, column])
    return metrics


def rates(counts: np.ndarray) -> Figures:
    """Return precision, recall, F1, their averages and accuracy, [B] each.

    Shares of nothing are nan, and count as 0 in averages.

    Args:
        counts: [B, truth, verdict], Good before Bad.
    """
    right = counts[:, [0, 1], [0, 1]]
    support, called = counts.sum(axis=2), counts.sum(axis=1)
    by_class = {
        "precision": _share(right, called),
        "recall": _share(right, support),
        "F1": _share(2 * right, support + called),
    }
    figures = {f"{n}_{c}": v[:, i] for n, v in by_class.items() for i, c in enumerate(CLASSES)}
    total = support.sum(axis=1)
    for name, values in by_class.items():
        values = np.nan_to_num(values)
        figures[f"{name}_macro"] = values.mean(axis=1)
        figures[f"{name}_weighted"] = _share((values * support).sum(axis=1), total)
    figures["accuracy"] = _share(right.sum(axis=1), total)
    return figures


def ranking(bad: np.ndarray, score: np.ndarray, resampling: Resampling) -> Figures:
    """Return AUC, AP_bad and precision_at_recall_* of the score, [B] each; nan without a class."""
    levels, level = np.unique(-score, return_inverse=True)
    hits = resampling.blocks(np.flatnonzero(bad), level[bad], len(levels))
    alarms = resampling.blocks(np.flatnonzero(~bad), level[~bad], len(levels))
    blocks = [_rank(*counts) for counts in zip(hits, alarms)]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _rank(hits: np.ndarray, alarms: np.ndarray) -> Figures:
    """Rank by counts of Bad and Good, [B, levels of the score], the highest level first."""
    found, false = hits.cumsum(axis=1), alarms.cumsum(axis=1)
    bads, goods = (counts.sum(axis=1, keepdims=True) for counts in (hits, alarms))
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = found / bads
        precision = np.nan_to_num(found / (found + false))
        # A Bad and a Good image at one level count as half in order.
        in_order = (hits * (goods - false + alarms / 2)).sum(axis=1)
        figures = {
            "AUC": in_order / (bads * goods)[:, 0],
            "AP_bad": (hits * precision).sum(axis=1) / bads[:, 0],
        }
    for percent in REQUIRED_RECALLS:
        usable = np.where(recall >= percent / 100, precision, 0)
        figures[f"precision_at_recall_{percent}"] = usable.max(axis=1, initial=0)
    known = ((bads > 0) & (goods > 0))[:, 0]
    return {name: np.where(known, values, np.nan) for name, values in figures.items()}


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)


def _trials(bad: np.ndarray, called_bad: np.ndarray) -> dict[str, np.ndarray]:
    """Which images each share is a share of."""
    return {
        "accuracy": np.ones(len(bad), bool),
        "recall_bad": bad,
        "recall_good": ~bad,
        "precision_bad": called_bad,
        "precision_good": ~called_bad,
    }


def wilson_interval(hits: int, total: int) -> tuple[float, float]:
    """Return the 95% Wilson score interval of a share; nan without any trial."""
    if total == 0:
        return math.nan, math.nan
    low, high = binomtest(hits, total).proportion_ci(method="wilson")
    return float(low), float(high)
