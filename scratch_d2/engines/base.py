"""What both engines agree on: an engine trains, loads, evaluates, launches; a detector predicts."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from fvcore.common.config import CfgNode

from scratch_d2.structures.prediction import Prediction

if TYPE_CHECKING:
    from scratch_d2.evaluation.settings import EvaluationSettings


class Detector(Protocol):
    """Find scratches in a batch of images; holds no state between calls."""

    def __call__(self, images: list[np.ndarray]) -> list[Prediction]:
        """Predict for HxWx3 uint8 RGB images of any sizes; the order is kept."""


class Engine(Protocol):
    """Train and run the detector of a config; `cfg` is what `load_config` returns."""

    name: str

    def train(self, cfg: CfgNode, resume: bool = False) -> Path:
        """Train on cfg.DATASETS.TRAIN, write cfg.OUTPUT_DIR, return the final checkpoint."""

    def load(self, cfg: CfgNode, weights: str | Path, precision: str = "exact") -> Detector:
        """Return a detector with the weights of a checkpoint written by either engine.

        Args:
            precision: "exact" computes as in training and evaluation; "float32" and "bfloat16"
                are faster and find nearly the same, see `scratch_d2.checkpoints.precision`.
        """

    def evaluate(
        self, cfg: CfgNode, weights: str | Path, settings: EvaluationSettings
    ) -> dict[str, dict[str, float]]:
        """Evaluate a checkpoint on cfg.DATASETS.TEST as in training; bbox, segm and image."""

    def launch(
        self, main: Callable[[argparse.Namespace], object], args: argparse.Namespace
    ) -> object:
        """Run `main(args)` in as many processes as num_gpus and num_machines of `args` ask for."""
