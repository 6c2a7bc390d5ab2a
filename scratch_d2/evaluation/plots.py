"""Plots of the Good/Bad metrics: ROC, precision-recall and confusion, as PNG."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from sklearn.metrics import auc, confusion_matrix, precision_recall_curve, roc_curve

from scratch_d2.evaluation.images import Judged

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

logger = logging.getLogger(__name__)
# Colours that stay apart for colour-blind readers (Okabe and Ito).
COLOURS = {"area": "#0072B2", "gate": "#E69F00", "both": "#009E73"}
LABELS = {"area": "area rule", "gate": "gate", "both": "gate, then area rule"}


def write_plots(folder: Path, y_true: np.ndarray, judged: Judged) -> list[Path]:
    """Write roc.png, precision_recall.png and confusion.png; without matplotlib, log a line.

    ROC and precision-recall are left out if all images are of one class.

    Args:
        y_true: [N] bool, whether an image is Bad.
        judged: what `judge_images` returns.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        logger.warning("no plots: matplotlib is missing, run `pip install scratch_d2[report]`")
        return []
    drawings = {"confusion": _draw_confusion}
    if y_true.any() and not y_true.all():
        drawings.update(roc=_draw_roc, precision_recall=_draw_precision_recall)
    written = []
    for name, draw in drawings.items():
        width = 3.4 * len(judged) + 0.6 if name == "confusion" else 5.2
        figure = Figure(figsize=(width, 4.4 if name != "confusion" else 3.6), layout="constrained")
        draw(figure, y_true, judged)
        written.append(folder / f"{name}.png")
        figure.savefig(written[-1], dpi=120, bbox_inches="tight")
    return written


def _draw_roc(figure: Figure, y_true: np.ndarray, judged: Judged) -> None:
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.8", linewidth=1)
    for name, (y_pred, y_score) in judged.items():
        fpr, recall, _ = roc_curve(y_true, y_score)
        label = f"{LABELS[name]} (AUC {auc(fpr, recall):.3f})"
        axes.plot(fpr, recall, color=COLOURS[name], label=label)
        point = np.mean(y_pred[~y_true]), np.mean(y_pred[y_true])
        axes.plot(*point, "o", color=COLOURS[name])
    axes.set(xlabel="false positive rate (Good judged Bad)", ylabel="recall (Bad judged Bad)")
    _finish(axes, "ROC, dots at the thresholds in force", "lower right")


def _draw_precision_recall(figure: Figure, y_true: np.ndarray, judged: Judged) -> None:
    axes = figure.subplots()
    for name, (y_pred, y_score) in judged.items():
        precision, recall, _ = precision_recall_curve(y_true, y_score)
        axes.step(recall, precision, where="post", color=COLOURS[name], label=LABELS[name])
        if y_pred.any():
            point = np.mean(y_pred[y_true]), np.mean(y_true[y_pred])
            axes.plot(*point, "o", color=COLOURS[name])
    axes.axhline(y_true.mean(), color="0.8", linewidth=1, zorder=0)
    axes.set(xlabel="recall (Bad)", ylabel="precision (Bad)")
    _finish(axes, "Precision and recall of Bad", "lower left")


def _finish(axes: Axes, title: str, legend: Literal["lower left", "lower right"]) -> None:
    axes.set(title=title, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.grid(color="0.92")
    axes.legend(loc=legend, frameon=False, fontsize=9)


def _draw_confusion(figure: Figure, y_true: np.ndarray, judged: Judged) -> None:
    for axes, (name, (y_pred, _)) in zip(np.ravel(figure.subplots(1, len(judged))), judged.items()):
        counts = confusion_matrix(y_true, y_pred, labels=[False, True])
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, column), count in np.ndenumerate(counts):
            colour = "white" if shares[row, column] > 0.5 else "black"
            text = f"{count}\n{shares[row, column]:.1%}"
            axes.text(column, row, text, ha="center", va="center", color=colour)
        axes.set(title=LABELS[name], xlabel="judged", ylabel="is")
        axes.set_xticks([0, 1], ["Good", "Bad"])
        axes.set_yticks([0, 1], ["Good", "Bad"])
