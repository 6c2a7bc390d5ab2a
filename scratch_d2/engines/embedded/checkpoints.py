"""Checkpoints in fvcore's and Detectron2's layout that survive being killed at any moment."""

import logging
import math
from pathlib import Path
from typing import Any

from fvcore.common.checkpoint import Checkpointer
from torch import nn

from scratch_d2.engines.weights import read_checkpoint, read_detector_checkpoint
from scratch_d2.runs import save_atomically, write_atomically

BEST = "model_best.pth"
BEST_METRIC = "segm/AP"


class Checkpoints(Checkpointer):
    """fvcore's Checkpointer with whole files only, read without running code from them."""

    def __init__(self, model: nn.Module, folder: Path, **checkpointables: Any) -> None:
        super().__init__(model, str(folder), **checkpointables)
        self.logger = logging.getLogger("scratch_d2")

    def save(self, name: str, **kwargs: Any) -> None:
        """Write `name`.pth with model, checkpointables and `kwargs`; make it the last one."""
        states = {key: item.state_dict() for key, item in self.checkpointables.items()}
        content = {"model": self.model.state_dict(), **states, **kwargs}
        path = save_atomically(content, Path(self.save_dir, f"{name}.pth"))
        self.tag_last_checkpoint(path.name)
        self.logger.info("saved %s", path)

    def tag_last_checkpoint(self, last_filename_basename: str) -> None:
        """Name the checkpoint from which training resumes."""
        write_atomically(last_filename_basename, Path(self.save_dir, "last_checkpoint"))

    def resume(self) -> dict[str, Any]:
        """Load the last checkpoint; returns what else it holds, at least its iteration.

        Raises:
            FileNotFoundError: last_checkpoint names a file that is gone.
            ValueError: the checkpoint is of another engine or architecture.
        """
        path = self.get_checkpoint_file()
        content = read_detector_checkpoint(path)
        missing = [key for key in (*self.checkpointables, "iteration") if key not in content]
        if missing:
            raise ValueError(
                f"checkpoint {path!r} holds no {', '.join(missing)}: this training was not "
                "started by the embedded engine with this config; resume it with Detectron2, or "
                "start a new one with MODEL.WEIGHTS set to this file"
            )
        return self.load(path)

    def _load_file(self, f: str) -> dict[str, Any]:
        return read_detector_checkpoint(f)


class BestModel:
    """Keeps model_best.pth, the weights with the highest mask AP so far."""

    def __init__(self, folder: Path, resume: bool) -> None:
        self.path = folder / BEST
        self.value = -math.inf
        if resume and self.path.is_file():
            self.value = float(read_checkpoint(self.path).get(BEST_METRIC, -math.inf))
        elif not resume:
            self.path.unlink(missing_ok=True)

    def offer(self, model: nn.Module, metrics: dict[str, float], iteration: int) -> None:
        """Write the model where it is the best so far, or the first one evaluated."""
        value = metrics.get(BEST_METRIC, math.nan)
        if not value > self.value and self.path.is_file():
            return
        self.value = -math.inf if math.isnan(value) else value
        content = {"model": model.state_dict(), "iteration": iteration, BEST_METRIC: self.value}
        save_atomically(content, self.path)
