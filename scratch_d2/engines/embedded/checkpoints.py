"""Checkpoints of a training run, in Detectron2's layout, whole even if the run is killed."""

import logging
from pathlib import Path
from typing import Any

import torch
from fvcore.common.checkpoint import Checkpointer
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from scratch_d2.checkpoints.resuming import keep_rates, rates_of
from scratch_d2.utils.files import save_atomically, write_atomically


class TrainingState:
    """What training needs besides weights to resume, under the names of Detectron2's trainer.

    Attributes:
        iteration: the last one that is done, -1 before the first.
        seed: what order, augmentation and sampling of the run follow from.
        batch: images per batch, which `check_resumable` compares.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        schedule: LRScheduler,
        scaler: torch.amp.GradScaler,
        seed: int,
        batch: int,
    ) -> None:
        self.optimizer, self.schedule, self.scaler = optimizer, schedule, scaler
        self.seed, self.batch, self.iteration = seed, batch, -1

    def state_dict(self) -> dict[str, Any]:
        """Return what Detectron2's DefaultTrainer returns, with this package's hook in it."""
        schedule = {"base_lrs": self.schedule.base_lrs, "last_epoch": self.schedule.last_epoch}
        inner = {"iteration": self.iteration, "optimizer": self.optimizer.state_dict()}
        if self.scaler.is_enabled():
            inner["grad_scaler"] = self.scaler.state_dict()
        begun = {"seed": self.seed, "batch": self.batch}
        hooks = {"LRScheduler": schedule, "Reproducible": begun}
        return {"iteration": self.iteration, "hooks": hooks, "_trainer": inner}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over the state of a run of either engine, but for the rates of the config.

        Raises ValueError if the optimizer is of other SOLVER keys or another architecture.
        """
        hooks, inner = state["hooks"], state["_trainer"]
        rates = rates_of(self.optimizer, self.schedule)
        self.optimizer.load_state_dict(inner["optimizer"])
        self.schedule.base_lrs = list(hooks["LRScheduler"]["base_lrs"])
        self.schedule.last_epoch = hooks["LRScheduler"]["last_epoch"]
        # A run without mixed precision, as on a CPU, scaled nothing.
        if self.scaler.is_enabled() and "grad_scaler" in inner:
            self.scaler.load_state_dict(inner["grad_scaler"])
        self.seed = hooks.get("Reproducible", {}).get("seed", self.seed)
        self.iteration = state["iteration"]
        keep_rates(self.optimizer, self.schedule, rates)


class Checkpoints(Checkpointer):
    """fvcore's Checkpointer, which writes whole files only."""

    def __init__(self, model: nn.Module, folder: Path, trainer: TrainingState) -> None:
        super().__init__(model, str(folder), trainer=trainer)
        self.logger = logging.getLogger("scratch_d2")

    def save(self, name: str, **kwargs: Any) -> None:
        """Write `name`.pth with model, training state and `kwargs`; make it the last one."""
        states = {key: item.state_dict() for key, item in self.checkpointables.items()}
        content = {"model": self.model.state_dict(), **states, **kwargs}
        path = save_atomically(content, Path(self.save_dir, f"{name}.pth"))
        self.tag_last_checkpoint(path.name)
        self.logger.info("saved %s", path)

    def tag_last_checkpoint(self, last_filename_basename: str) -> None:
        """Name the checkpoint from which training resumes."""
        write_atomically(last_filename_basename, Path(self.save_dir, "last_checkpoint"))
