"""DefaultTrainer with Good images as negatives, our evaluator, and repeatable runs."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from detectron2.config import CfgNode
from detectron2.data import (
    build_detection_test_loader,
    build_detection_train_loader,
    get_detection_dataset_dicts,
)
from detectron2.engine import DefaultTrainer, hooks
from detectron2.utils import comm
from torch import nn

from scratch_d2.checkpoints.loading import load_initial_weights
from scratch_d2.checkpoints.resuming import keep_rates, rates_of
from scratch_d2.data.pseudo_masks import detector_training_dicts
from scratch_d2.engines.batches import SAMPLERS, image_bytes, repeat_factors, training_loader
from scratch_d2.engines.checkpoints import resume_run
from scratch_d2.engines.d2.evaluator import ScratchEvaluator
from scratch_d2.engines.d2.hooks import KeepBest, Reproducible
from scratch_d2.engines.d2.mapper import ScratchMapper
from scratch_d2.engines.d2.names import match_names
from scratch_d2.engines.finite import refuse_not_finite
from scratch_d2.evaluation.settings import EvaluationSettings
from scratch_d2.utils.shared_memory import workers_that_fit


class Trainer(DefaultTrainer):
    """Detectron2's trainer for scratches; `cfg` holds the keys of `add_scratch_config`."""

    @classmethod
    def build_train_loader(cls, cfg: CfgNode) -> Iterable[Any]:
        """Load every image but the Bad ones whose scratches nobody has marked.

        For the samplers that both engines know, order and augmentation follow from the seed alone.
        """
        dicts = get_detection_dataset_dicts(
            cfg.DATASETS.TRAIN, filter_empty=cfg.DATALOADER.FILTER_EMPTY_ANNOTATIONS
        )
        usable = detector_training_dicts(dicts, cfg.SCRATCH.PSEUDO_MASKS)
        mapper, sampler = ScratchMapper(cfg, is_train=True), cfg.DATALOADER.SAMPLER_TRAIN
        if sampler not in SAMPLERS:
            batch = cfg.SOLVER.IMS_PER_BATCH // comm.get_world_size()
            workers = workers_that_fit(cfg.DATALOADER.NUM_WORKERS, batch * image_bytes(cfg))
            return build_detection_train_loader(
                cfg, mapper=mapper, dataset=usable, num_workers=workers
            )
        repeats = repeat_factors(cfg, usable)
        place = comm.get_rank(), comm.get_world_size()
        # Where SEED leaves it to chance, the hook Reproducible brings the seed.
        return training_loader(cfg, usable, mapper, max(cfg.SEED, 0), repeats, *place)

    @classmethod
    def build_test_loader(cls, cfg: CfgNode, dataset_name: str) -> Iterable[Any]:
        """Load a dataset with this package's image reading."""
        mapper = ScratchMapper(cfg, is_train=False)
        image = cfg.INPUT.MIN_SIZE_TEST * cfg.INPUT.MAX_SIZE_TEST * 3  # uint8, one in a batch
        workers = workers_that_fit(cfg.DATALOADER.NUM_WORKERS, image)
        return build_detection_test_loader(cfg, dataset_name, mapper=mapper, num_workers=workers)

    @classmethod
    def build_evaluator(
        cls,
        cfg: CfgNode,
        dataset_name: str,
        output_folder: str | None = None,
        settings: EvaluationSettings | None = None,
    ) -> ScratchEvaluator:
        """Return a ScratchEvaluator that writes OUTPUT_DIR/inference."""
        folder = Path(output_folder or Path(cfg.OUTPUT_DIR) / "inference")
        if len(cfg.DATASETS.TEST) > 1:
            folder /= dataset_name
        return ScratchEvaluator(cfg, dataset_name, folder, settings)

    @classmethod
    def test(cls, cfg: CfgNode, model: nn.Module, evaluators: list | None = None) -> dict[str, Any]:
        """Evaluate on DATASETS.TEST as DefaultTrainer does, and time it."""
        if evaluators is None:
            evaluators = [cls.build_evaluator(cfg, name) for name in cfg.DATASETS.TEST]
        watched = [e.watch(model) for e in evaluators if isinstance(e, ScratchEvaluator)]
        watched += refuse_not_finite(model)
        try:
            return super().test(cfg, model, evaluators)
        finally:
            for handle in watched:
                handle.remove()

    def build_hooks(self) -> list[hooks.HookBase]:
        """Make the run repeatable and keep model_best.pth, besides what DefaultTrainer does."""
        built = [*super().build_hooks(), Reproducible(self.cfg)]
        if comm.is_main_process() and self.cfg.DATASETS.TEST:
            built.insert(-2, KeepBest(self.cfg))  # after the evaluation, before the writers
        return built

    def resume_or_load(self, resume: bool = True) -> None:
        """Resume a run of either engine, or start from MODEL.WEIGHTS of any accepted kind.

        Raises what `resume_run` and `load_initial_weights` raise.
        """
        model = self._trainer.model
        unwrapped: nn.Module = getattr(model, "module", model)
        if resume and self.checkpointer.has_checkpoint():
            # Detectron2's checkpointer would leave out what does not fit.
            resume_run(self.checkpointer.get_checkpoint_file(), unwrapped, self)
            self.start_iter = self.iter + 1
        elif self.cfg.MODEL.WEIGHTS:
            load_initial_weights(unwrapped, self.cfg.MODEL.WEIGHTS, match_names)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the state of a run, but for the rates, which are those of the config.

        A run without mixed precision brings no scale for it.
        """
        optimizer, schedule = self._trainer.optimizer, self.scheduler
        rates = rates_of(optimizer, schedule)
        scaler = getattr(self._trainer, "grad_scaler", None)
        if scaler is not None:
            state_dict["_trainer"].setdefault("grad_scaler", scaler.state_dict())
        super().load_state_dict(state_dict)
        keep_rates(optimizer, schedule, rates)
