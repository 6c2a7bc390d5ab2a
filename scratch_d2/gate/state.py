"""The state of a training run: network, optimizer, schedule and counters."""

import logging
import math
from dataclasses import dataclass
from typing import Any

import torch
from fvcore.common.config import CfgNode
from timm.optim import param_groups_weight_decay
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from scratch_d2.checkpoints.files import read_checkpoint
from scratch_d2.checkpoints.resuming import keep_rates, rates_of
from scratch_d2.gate.model import gate_info
from scratch_d2.gate.network import GateNetwork
from scratch_d2.gate.preprocess import Preprocessing
from scratch_d2.utils.device import has_bfloat16, pick_device

WARM_UP = 0.1
ValidationMetrics = dict[str, float]
logger = logging.getLogger(__name__)


@dataclass
class Training:
    """A network in training; `epoch` and `iteration` count what is finished."""

    model: GateNetwork
    optimizer: torch.optim.Optimizer
    scheduler: LambdaLR
    loss: nn.BCEWithLogitsLoss
    preprocessing: Preprocessing
    device: torch.device
    autocast: torch.dtype | None
    info: dict[str, Any]
    epoch: int = 0
    iteration: int = 0
    best: ValidationMetrics | None = None

    def weights(self) -> dict[str, Any]:
        """Return the content of a checkpoint for scoring."""
        return {"model": self.model.state_dict(), "gate": {**self.info, "epoch": self.epoch}}

    def resumable(self) -> dict[str, Any]:
        """Return the content of a checkpoint for resuming; "iteration" is the last one finished."""
        return {
            **self.weights(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "iteration": self.iteration - 1,
            "epoch": self.epoch,
            "best": self.best,
        }

    def resume(self, content: dict[str, Any]) -> None:
        """Restore the state that `resumable` returned, in place, but for the config's rates."""
        rates = rates_of(self.optimizer, self.scheduler)
        self.model.load_state_dict(content["model"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.scheduler.load_state_dict(content["scheduler"])
        keep_rates(self.optimizer, self.scheduler, rates)
        self.epoch, self.iteration = content["epoch"], content["iteration"] + 1
        self.best = content["best"]
        self.info["validation"] = content["gate"]["validation"]


def set_up(
    cfg: CfgNode, info: dict[str, Any], iterations: int, last: dict[str, Any] | None = None
) -> Training:
    """Build network, loss, optimizer and schedule for a run of `iterations` iterations.

    Args:
        last: what `Training.resumable` returned, to resume from; None starts from GATE.WEIGHTS or,
            if that is empty, from pretrained or random weights.

    Raises ValueError for a network that is unknown, does not take the image size or has no feature
    maps, or for weights of another network, OSError if pretrained weights cannot be fetched.
    """
    device = pick_device(cfg.MODEL.DEVICE)
    torch.manual_seed(info["seed"])
    own = last is not None or cfg.GATE.WEIGHTS
    model = GateNetwork(info["model"], cfg.GATE.PRETRAINED and not own, info["width"])
    _check_accepts(model, info["model"], cfg.GATE.IMAGE_SIZE)
    if last is None and cfg.GATE.WEIGHTS:
        _start_from(cfg.GATE.WEIGHTS, model, info)
    model.to(device).to(memory_format=torch.channels_last)
    groups = param_groups_weight_decay(model, cfg.GATE.WEIGHT_DECAY)
    optimizer = torch.optim.AdamW(groups, lr=cfg.GATE.BASE_LR)
    training = Training(
        model=model,
        optimizer=optimizer,
        scheduler=LambdaLR(optimizer, lambda step: rate(step, iterations)),
        loss=nn.BCEWithLogitsLoss(pos_weight=torch.tensor(info["pos_weight"], device=device)),
        preprocessing=Preprocessing.from_dict(info["preprocessing"]),
        device=device,
        autocast=pick_autocast(device, cfg.SOLVER.AMP.ENABLED),
        info=info,
    )
    if last is not None:
        training.resume(last)
    return training


def rate(step: int, steps: int) -> float:
    """Return the learning rate as a share of its maximum: linear warm-up, then half a cosine.

    It is a function for LambdaLR, because torch's OneCycleLR and SequentialLR save the number of
    steps and could not resume with more epochs, and timm's CosineLRScheduler warms up at other
    rates, so that resumed runs of earlier versions would differ.
    """
    warm_up = max(1, round(WARM_UP * steps))
    if step < warm_up:
        return (step + 1) / warm_up
    left = min(1.0, (step - warm_up) / max(1, steps - warm_up))
    return 0.001 + 0.999 * 0.5 * (1 + math.cos(math.pi * left))


def pick_autocast(device: torch.device, enabled: bool) -> torch.dtype | None:
    """Return bfloat16 if it makes training faster, None for float32.

    SOLVER.AMP.ENABLED decides on CUDA. Detectron2 has no AMP on a CPU; there bfloat16 is used if
    the instruction set has it, which nearly doubles the speed of training.
    """
    native = has_bfloat16(device)
    if device.type == "cpu":
        return torch.bfloat16 if native else None
    if enabled and not native:
        logger.info("SOLVER.AMP.ENABLED, but this GPU has no bfloat16: training in float32")
    return torch.bfloat16 if enabled and native else None


def _start_from(path: str, model: GateNetwork, info: dict[str, Any]) -> None:
    content = read_checkpoint(path)
    loaded = gate_info(content, path)
    theirs, ours = (f"{i['model']} of width {i.get('width', 1.0):g}" for i in (loaded, info))
    if theirs != ours:
        raise ValueError(
            f"GATE.WEIGHTS {path!r} are of {theirs}, but GATE.MODEL and GATE.WIDTH ask for {ours}; "
            "set them alike, or leave GATE.WEIGHTS empty to start from random weights"
        )
    model.load_state_dict(content["model"])
    logger.info("starting from %s", path)


@torch.no_grad()
def _check_accepts(model: GateNetwork, name: str, size: int) -> None:
    try:
        model.eval()(torch.zeros(1, 3, size, size))
    except (AssertionError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"GATE.MODEL {name!r} fails at GATE.IMAGE_SIZE {size}: {reason}") from None
