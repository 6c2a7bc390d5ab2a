"""Hooks of the trainer: runs that repeat themselves, and the best model kept."""

import math
from typing import Any

from detectron2.config import CfgNode
from detectron2.engine import HookBase
from detectron2.utils import comm

from scratch_d2.engines.batches import TrainingOrder, new_seed, seed_iteration
from scratch_d2.engines.checkpoints import BestModel, metric_name


class Reproducible(HookBase):
    """Go on after an interruption as if there had been none, in this engine or the other.

    The order of the images continues where it stopped, and every iteration is seeded anew.
    """

    def __init__(self, cfg: CfgNode) -> None:
        self.seed = comm.all_gather(new_seed(cfg))[0]
        self._batch = cfg.SOLVER.IMS_PER_BATCH

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs: the seed, also if SEED leaves it to chance.

        The batch size is what `check_resumable` compares.
        """
        return {"seed": self.seed, "batch": self._batch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over the seed of the run that is resumed."""
        self.seed = state["seed"]

    def before_train(self) -> None:
        """Begin with the batch of the first iteration, if the loader is this package's."""
        order = getattr(self.trainer._trainer.data_loader, "batch_sampler", None)
        if isinstance(order, TrainingOrder):
            order.seed, order.start = self.seed, self.trainer.start_iter

    def before_step(self) -> None:
        """Seed what the iteration draws."""
        seed_iteration(self.seed, self.trainer.iter, comm.get_rank(), comm.get_world_size())


class KeepBest(HookBase):
    """Keep model_best.pth by mask AP; runs after the hook that evaluates.

    Other than Detectron2's BestCheckpointer it remembers the best across interruptions, and does
    not make it the checkpoint from which training resumes.
    """

    def __init__(self, cfg: CfgNode) -> None:
        self._folder, self._metric = cfg.OUTPUT_DIR, metric_name(cfg.DATASETS.TEST)

    def before_train(self) -> None:
        """Look at what an earlier part of the run has kept."""
        self._best = BestModel(self._folder, resume=self.trainer.start_iter > 0)

    def after_step(self) -> None:
        """Offer the model if it has just been evaluated."""
        value, iteration = self.trainer.storage.latest().get(self._metric, (math.nan, -1))
        if iteration == self.trainer.iter:
            model = self.trainer._trainer.model
            done = min(iteration, self.trainer.max_iter - 1)
            self._best.offer(getattr(model, "module", model), value, done)

    def after_train(self) -> None:
        """Offer the final model."""
        self.after_step()
