"""The calls of the seam, carried out by Detectron2."""

import argparse
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

from detectron2.config import CfgNode as D2CfgNode
from detectron2.engine import default_setup, launch
from detectron2.modeling import build_model
from detectron2.utils import comm
from detectron2.utils.logger import setup_logger
from fvcore.common.config import CfgNode

from scratch_d2.checkpoints.bundle import find_detector_weights, thresholds_from_config
from scratch_d2.checkpoints.loading import load_weights
from scratch_d2.data.catalog import save_training_splits
from scratch_d2.engines.base import Detector
from scratch_d2.engines.checks import check_datasets, check_resumable
from scratch_d2.engines.d2.detector import D2Detector
from scratch_d2.engines.d2.settings import building, check_processes, check_settings, to_d2_config
from scratch_d2.engines.d2.trainer import Trainer
from scratch_d2.engines.plain_config import save_plain_config
from scratch_d2.evaluation.settings import EvaluationSettings
from scratch_d2.utils.files import prepare_output_dir
from scratch_d2.utils.logging import command_line

logger = logging.getLogger(__name__)


class D2Engine:
    """Train, load and evaluate with Detectron2."""

    name = "d2"

    def train(self, cfg: CfgNode, resume: bool = False) -> Path:
        """Train with DefaultTrainer, in this process or in each that `launch` has started."""
        check_settings(cfg)
        check_datasets(cfg)
        if resume:
            check_resumable(cfg)
        d2_cfg, final = self._setup(cfg), Path(cfg.OUTPUT_DIR) / "model_final.pth"
        if comm.is_main_process():
            save_plain_config(cfg, final)
            datasets = cfg.DATASETS.TRAIN, cfg.DATASETS.TEST
            save_training_splits(*datasets, cfg.OUTPUT_DIR, cfg.MODEL.WEIGHTS, resume)
        with building():
            trainer = Trainer(d2_cfg)
        trainer.resume_or_load(resume=resume)
        trainer.train()
        if comm.is_main_process():
            thresholds_from_config(cfg).save(cfg.OUTPUT_DIR)
            save_plain_config(cfg, find_detector_weights(cfg))
        return final

    def load(self, cfg: CfgNode, weights: str | Path, precision: str = "exact") -> Detector:
        """Return a batched detector; any checkpoint of this architecture will do."""
        check_settings(cfg)
        return D2Detector(to_d2_config(cfg), weights, precision)

    def evaluate(
        self, cfg: CfgNode, weights: str | Path, settings: EvaluationSettings
    ) -> dict[str, dict[str, float]]:
        """Evaluate as the trainer does, and write OUTPUT_DIR/inference."""
        check_settings(cfg)
        check_datasets(cfg, ("TEST",))
        cfg = self._setup(cfg)
        with building():
            model = build_model(cfg)
        load_weights(model, weights)
        build = partial(Trainer.build_evaluator, cfg, settings=settings)
        return Trainer.test(cfg, model, [build(name) for name in cfg.DATASETS.TEST])

    def launch(
        self, main: Callable[[argparse.Namespace], object], args: argparse.Namespace
    ) -> object:
        """Run `main(args)` once per GPU of every machine, as the arguments of d2's tools say."""
        check_processes(args)
        machines = (args.num_machines, args.machine_rank, args.dist_url)
        return launch(main, args.num_gpus, *machines, args=(args,))

    def _setup(self, cfg: CfgNode) -> D2CfgNode:
        converted = to_d2_config(cfg)
        if comm.is_main_process():
            prepare_output_dir(cfg.OUTPUT_DIR)
        if converted.MODEL.DEVICE == "cpu" and converted.SOLVER.AMP.ENABLED:
            logger.warning("SOLVER.AMP.ENABLED is switched off: Detectron2 has it on GPUs only")
            converted.SOLVER.AMP.ENABLED = False
        default_setup(converted, argparse.Namespace(command=command_line()))
        setup_logger(converted.OUTPUT_DIR, distributed_rank=comm.get_rank(), name="scratch_d2")
        return converted
