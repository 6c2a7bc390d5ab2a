"""Weights as files: read them safely, under Detectron2's names, and put them into a model."""

from scratch_d2.engines.weights.files import read_checkpoint
from scratch_d2.engines.weights.loading import (
    choose_weights,
    load_initial_weights,
    load_weights,
    read_detector_checkpoint,
)

__all__ = [
    "choose_weights",
    "load_initial_weights",
    "load_weights",
    "read_checkpoint",
    "read_detector_checkpoint",
]
