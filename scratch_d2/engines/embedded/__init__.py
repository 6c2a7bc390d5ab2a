"""The engine "embedded": Detectron2's Mask R-CNN rebuilt on torchvision.ops, from pip alone."""

import argparse
from collections.abc import Callable
from pathlib import Path

from fvcore.common.config import CfgNode

from scratch_d2.utils.quiet_imports import quiet_imports

with quiet_imports():  # the modules below import from it
    import fvcore.nn  # noqa: F401

from scratch_d2.checkpoints.loading import load_weights
from scratch_d2.engines.embedded.detector import (
    EmbeddedDetector,
    Results,
    evaluate_detector,
    test_datasets,
)
from scratch_d2.engines.embedded.model import MaskRCNN
from scratch_d2.engines.embedded.settings import check_settings
from scratch_d2.engines.embedded.train import train_detector
from scratch_d2.evaluation.settings import EvaluationSettings
from scratch_d2.utils.device import pick_device
from scratch_d2.utils.files import prepare_output_dir

__all__ = ["EmbeddedDetector", "EmbeddedEngine", "MaskRCNN"]


class EmbeddedEngine:
    """Train, load and evaluate without Detectron2; `cfg` is what `load_config` returns.

    Every method raises ValueError naming the keys of the config that it would not honour.
    """

    name = "embedded"

    def train(self, cfg: CfgNode, resume: bool = False) -> Path:
        """Train on cfg.DATASETS.TRAIN, write cfg.OUTPUT_DIR, return the final checkpoint."""
        return train_detector(cfg, resume)

    def load(self, cfg: CfgNode, weights: str | Path, precision: str = "exact") -> EmbeddedDetector:
        """Return a detector with the weights of a checkpoint written by either engine.

        Raises FileNotFoundError, or ValueError for a checkpoint of another architecture.
        """
        check_settings(cfg, training=False)
        model = MaskRCNN(cfg)
        load_weights(model, weights)
        return EmbeddedDetector(cfg, model.to(pick_device(cfg.MODEL.DEVICE)).eval(), precision)

    def evaluate(self, cfg: CfgNode, weights: str | Path, settings: EvaluationSettings) -> Results:
        """Evaluate a checkpoint on cfg.DATASETS.TEST as in training; bbox, segm and image.

        For several datasets the result is a dict of that by dataset name.
        """
        prepare_output_dir(cfg.OUTPUT_DIR)
        return evaluate_detector(self.load(cfg, weights), test_datasets(cfg), settings)

    def launch(
        self, main: Callable[[argparse.Namespace], object], args: argparse.Namespace
    ) -> object:
        """Run `main(args)` in this process.

        Raises ValueError if `args` ask for several GPUs or machines.
        """
        for option in ("num_gpus", "num_machines"):
            count = getattr(args, option)
            if count > 1:
                raise ValueError(
                    f"--{option.replace('_', '-')} is {count}; the embedded engine accepts 1, "
                    "several need Detectron2 (--engine d2)"
                )
        return main(args)
