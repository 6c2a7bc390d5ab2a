"""Metrics of the gate on validation images, and how they rank epochs."""

import math

import numpy as np
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from scratch_d2.gate.examples import Examples, make_batches, make_loader
from scratch_d2.gate.model import Gate
from scratch_d2.gate.state import Training, ValidationMetrics


def validate(
    training: Training, held_out: Examples, batch_size: int, workers: int
) -> ValidationMetrics:
    """Return loss, ROC AUC and average precision of the network in training, in float32.

    Raises FloatingPointError if a score is not finite.
    """
    gate = Gate(training.model, training.preprocessing, training.device)
    batches = make_batches(held_out.heights, batch_size, seed=0, epoch=0)
    scored = [
        (gate.logits(images).cpu(), labels)
        for images, labels, _ in make_loader(held_out, batches, workers)
    ]
    logits, labels = (torch.cat(parts) for parts in zip(*scored))
    loss = training.loss(logits.to(training.device), labels.to(training.device)).item()
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"the validation loss is {loss} after iteration {training.iteration - 1}; lower "
            "GATE.BASE_LR"
        )
    return {"loss": loss, **ranking_metrics(logits.numpy(), labels.numpy())}


def ranking_metrics(scores: np.ndarray, labels: np.ndarray) -> ValidationMetrics:
    """Return ROC AUC and average precision of Bad; {} if all images are of one class.

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


def rank(metrics: ValidationMetrics) -> tuple[float, float]:
    """Return a sort key: average precision, then loss; only loss if there is only one class."""
    return metrics.get("average_precision", 0.0), -metrics["loss"]
