"""What the checkpoints of both engines hold besides weights, and the best of them.

The layout is Detectron2's: {"model", "iteration", "trainer": {"iteration", "hooks": {name: state},
"_trainer": {"iteration", "optimizer"}}}, so either engine resumes what the other began.
"""

import logging
import math
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from scratch_d2.checkpoints.files import read_checkpoint
from scratch_d2.checkpoints.loading import load_weights
from scratch_d2.utils.files import save_atomically

BEST = "model_best.pth"
BEST_METRIC = "segm/AP"
logger = logging.getLogger("scratch_d2")


class BestModel:
    """Keeps model_best.pth, the weights with the highest mask AP so far, across interruptions.

    It is not the checkpoint from which training resumes; that is the one of the last iteration.
    """

    def __init__(self, folder: str | Path, resume: bool) -> None:
        self.path = Path(folder) / BEST
        self.value = -math.inf
        if resume and self.path.is_file():
            self.value = float(read_checkpoint(self.path).get(BEST_METRIC, -math.inf))
        elif not resume:
            self.path.unlink(missing_ok=True)

    def offer(self, model: nn.Module, value: float, iteration: int) -> None:
        """Write the model if its mask AP is the best so far, or the first one measured."""
        if not value > self.value and self.path.is_file():
            return
        self.value = -math.inf if math.isnan(value) else value
        content = {"model": model.state_dict(), "iteration": iteration, BEST_METRIC: self.value}
        save_atomically(content, self.path)
        logger.info("saved %s, mask AP %.2f", self.path, value)


def metric_name(datasets: list[str]) -> str:
    """Return under which name mask AP is logged; of several datasets the first decides."""
    return f"{datasets[0]}/{BEST_METRIC}" if len(datasets) > 1 else BEST_METRIC


class Resumable(Protocol):
    """What holds the state of a training: Detectron2's trainer, or what stands in for it."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over the state of a run."""


def resume_run(path: str | Path, model: nn.Module, trainer: Resumable) -> None:
    """Take up a run of either engine: weights into the model, all else into the trainer.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the checkpoint is of another architecture or other SOLVER keys, or none of a
            training run.
    """
    content = load_weights(model, path)
    state = _trainer_state(content, path)
    try:
        trainer.load_state_dict(state)
    except ValueError as error:
        raise ValueError(f"checkpoint {str(path)!r} does not fit this config: {error}") from None


def _trainer_state(content: dict[str, Any], path: str | Path) -> dict[str, Any]:
    state = content.get("trainer")
    state = state if isinstance(state, dict) else {}
    hooks, inner = state.get("hooks", {}), state.get("_trainer", {})
    missing = [
        name
        for name, held in (
            ("trainer.iteration", "iteration" in state),
            ("trainer._trainer.optimizer", "optimizer" in inner),
            ("trainer.hooks.LRScheduler", "LRScheduler" in hooks),
        )
        if not held
    ]
    if missing:
        raise ValueError(
            f"checkpoint {str(path)!r} holds no {', '.join(missing)}: it is no checkpoint of a "
            "training run of either engine; start a new run with MODEL.WEIGHTS set to this file"
        )
    return state
