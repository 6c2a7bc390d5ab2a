"""DefaultTrainer with Good images as negatives, our evaluator and the best checkpoint."""

from pathlib import Path

from detectron2.checkpoint import DetectionCheckpointer
from detectron2.config import CfgNode
from detectron2.data import (
    build_detection_test_loader,
    build_detection_train_loader,
    get_detection_dataset_dicts,
)
from detectron2.engine import DefaultTrainer, hooks
from detectron2.utils import comm
from torch import nn

from scratch_d2.data.catalog import has_unknown_scratches
from scratch_d2.engines.d2.evaluator import ScratchEvaluator
from scratch_d2.engines.d2.mapper import ScratchMapper
from scratch_d2.engines.weights import load_initial_weights


class BestModel(DetectionCheckpointer):
    """Save model_best.pth without making it the checkpoint that training resumes from."""

    def tag_last_checkpoint(self, last_filename_basename: str) -> None:
        """Leave the file last_checkpoint alone."""


class Trainer(DefaultTrainer):
    """Detectron2's trainer for scratches; `cfg` holds the keys of `add_scratch_config`."""

    @classmethod
    def build_train_loader(cls, cfg: CfgNode):
        """Load every image but the Bad ones whose scratches nobody has marked."""
        dicts = get_detection_dataset_dicts(
            cfg.DATASETS.TRAIN, filter_empty=cfg.DATALOADER.FILTER_EMPTY_ANNOTATIONS
        )
        usable = [item for item in dicts if not has_unknown_scratches(item)]
        return build_detection_train_loader(
            cfg, mapper=ScratchMapper(cfg, is_train=True), dataset=usable
        )

    @classmethod
    def build_test_loader(cls, cfg: CfgNode, dataset_name: str):
        """Load a dataset with this package's image reading."""
        mapper = ScratchMapper(cfg, is_train=False)
        return build_detection_test_loader(cfg, dataset_name, mapper=mapper)

    @classmethod
    def build_evaluator(cls, cfg: CfgNode, dataset_name: str, output_folder: str | None = None):
        """Return a ScratchEvaluator that writes OUTPUT_DIR/inference."""
        folder = Path(output_folder or Path(cfg.OUTPUT_DIR) / "inference")
        if len(cfg.DATASETS.TEST) > 1:
            folder /= dataset_name
        return ScratchEvaluator(cfg, dataset_name, folder)

    def build_hooks(self) -> list[hooks.HookBase]:
        """Keep model_best.pth by mask AP, besides what DefaultTrainer does."""
        built = super().build_hooks()
        if comm.is_main_process() and len(self.cfg.DATASETS.TEST) == 1:
            saver = BestModel(self.model, self.cfg.OUTPUT_DIR)
            period = self.cfg.TEST.EVAL_PERIOD
            best = hooks.BestCheckpointer(period, saver, "segm/AP", file_prefix="model_best")
            built.insert(-1, best)  # after the evaluation, before the writers
        return built

    def resume_or_load(self, resume: bool = True) -> None:
        """Resume from the last checkpoint, or start from MODEL.WEIGHTS of any accepted kind."""
        if resume and self.checkpointer.has_checkpoint():
            super().resume_or_load(resume=True)
        elif self.cfg.MODEL.WEIGHTS:
            model = self._trainer.model
            unwrapped: nn.Module = getattr(model, "module", model)
            load_initial_weights(unwrapped, self.cfg.MODEL.WEIGHTS)
