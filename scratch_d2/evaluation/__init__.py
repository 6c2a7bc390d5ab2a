"""How good the detector and the verdicts are: mask AP beside Good/Bad metrics."""

from scratch_d2.evaluation.evaluate import evaluate_predictions

__all__ = ["evaluate_predictions"]
