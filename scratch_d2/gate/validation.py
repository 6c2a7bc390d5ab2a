"""Figures of the gate on held-out images, and which of two epochs is the better one."""

import math

import numpy as np
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from scratch_d2.gate.examples import Examples, make_batches, make_loader
from scratch_d2.gate.model import Gate
from scratch_d2.gate.state import Figures, Training


def validate(training: Training, held_out: Examples, batch_size: int, workers: int) -> Figures:
    """Return the figures of the network in training, scored in float32 as `Gate` scores.

    Raises FloatingPointError where a score is not finite.
    """
    gate = Gate(training.model, training.preprocessing, training.device)
    batches = make_batches(held_out.heights, batch_size, seed=0, epoch=0)
    scored = [
        (gate.logits(strips).cpu(), labels)
        for strips, labels, _ in make_loader(held_out, batches, workers)
    ]
    logits, labels = (torch.cat(parts) for parts in zip(*scored))
    loss = training.loss(logits.to(training.device), labels.to(training.device)).item()
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"the validation loss is {loss} after iteration {training.iteration - 1}; lower "
            "GATE.BASE_LR"
        )
    return {"loss": loss, **ranking_figures(logits.numpy(), labels.numpy())}


def ranking_figures(scores: np.ndarray, labels: np.ndarray) -> Figures:
    """Return ROC AUC and average precision of Bad; none where only one class is there.

    Args:
        scores: [N], higher is more likely Bad.
        labels: [N], 1 is Bad.
    """
    if len(np.unique(labels)) < 2:
        return {}
    return {
        "roc_auc": float(roc_auc_score(labels, scores)),
        "average_precision": float(average_precision_score(labels, scores)),
    }


def rank(figures: Figures) -> tuple[float, float]:
    """Order epochs by average precision, then by loss; by loss where there is one class only."""
    return figures.get("average_precision", 0.0), -figures["loss"]
