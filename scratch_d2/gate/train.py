"""Train the gate: data, network, epochs, checkpoints, from top to bottom."""

import logging
import math
import time
from pathlib import Path
from typing import Any

import torch
from fvcore.common.config import CfgNode
from torch.utils.data import DataLoader

from scratch_d2.data.catalog import save_training_splits
from scratch_d2.gate.checkpoints import check_resumable, read_last, save_resumable
from scratch_d2.gate.examples import Examples, collect, make_augmentation, make_batches, make_loader
from scratch_d2.gate.good_images import add_familiarity, learn_image_check
from scratch_d2.gate.network import max_pool_logits, patch_loss
from scratch_d2.gate.preprocess import Preprocessing
from scratch_d2.gate.state import Training, set_up
from scratch_d2.gate.validation import rank, validate
from scratch_d2.utils.files import prepare_output_dir, save_atomically
from scratch_d2.utils.logging import MetricWriter, command_line, setup_logger
from scratch_d2.utils.shared_memory import workers_that_fit

LOG_PERIOD = 20
logger = logging.getLogger(__name__)


def train_gate(cfg: CfgNode, resume: bool = False) -> Path:
    """Train on cfg.DATASETS.TRAIN, validate on cfg.DATASETS.TEST, write cfg.GATE.OUTPUT_DIR.

    With `resume` the run continues after the last whole epoch, with the same data as an
    uninterrupted run. The best epoch has the highest average precision of Bad or, if the validation
    data hold only one class, the lowest loss.

    Returns model_best.pth, or model_final.pth without validation data.

    Raises:
        ValueError: the datasets hold only Good or only Bad images, the network is unknown or
            does not take the image size, or the run to resume differs from the config.
        FloatingPointError: the loss is not finite; the message names the iteration.
    """
    # Before config.yaml is written: a run that is refused leaves the one of the run that was.
    last = _read_last(cfg, Path(cfg.GATE.OUTPUT_DIR), resume)
    folder = prepare_output_dir(cfg.GATE.OUTPUT_DIR, cfg)
    setup_logger(folder).info("command: %s", command_line())
    seed = _choose_seed(cfg.SEED, last)
    examples, held_out = _load_data(cfg, seed)
    datasets = cfg.DATASETS.TRAIN, cfg.DATASETS.TEST
    save_training_splits(*datasets, folder, cfg.GATE.WEIGHTS, resume)
    per_epoch = len(make_batches(examples.heights, cfg.GATE.BATCH_SIZE, seed, 0))
    info = _metadata(cfg, examples, seed)
    info["image_check"] = learn_image_check(cfg, examples.dicts).to_dict()
    training = set_up(cfg, info, cfg.GATE.EPOCHS * per_epoch, last)
    if last is None:
        # Until this run has written its own, an interrupted run must not resume an older one.
        (folder / "last_checkpoint").unlink(missing_ok=True)
    _log_start(training, len(held_out))
    if cfg.DATASETS.TEST and not len(held_out):
        names = ", ".join(cfg.DATASETS.TEST)
        logger.warning("DATASETS.TEST %s holds no image: training without validation", names)

    batch_bytes = cfg.GATE.BATCH_SIZE * 4 * cfg.GATE.IMAGE_SIZE * int(max(examples.heights))
    workers = workers_that_fit(cfg.DATALOADER.NUM_WORKERS, batch_bytes)
    with MetricWriter(folder) as writer:
        for epoch in range(training.epoch, cfg.GATE.EPOCHS):
            batches = make_batches(examples.heights, cfg.GATE.BATCH_SIZE, seed, epoch)
            torch.manual_seed(seed + epoch)
            train_epoch(training, make_loader(examples, batches, workers), writer)
            if len(held_out):
                training.info["validation"] = validate(
                    training, held_out, cfg.GATE.BATCH_SIZE, workers
                )
                _log_validation(training, writer)
            _save(training, folder)
    final = save_atomically(training.weights(), folder / "model_final.pth")
    best = final if training.best is None else folder / "model_best.pth"
    add_familiarity({final, best}, cfg, examples.dicts)
    return best


def train_epoch(training: Training, loader: DataLoader, writer: MetricWriter) -> None:
    """Train for one epoch; log every LOG_PERIOD iterations and at the end."""
    training.model.train()
    losses: list[float] = []
    seen, started = 0, time.perf_counter()
    for number, (images, labels, masks) in enumerate(loader, start=1):
        losses.append(step(training, images, labels, masks))
        seen += len(labels)
        if training.iteration % LOG_PERIOD and number < len(loader):
            continue
        scalars = {
            "epoch": training.epoch + 1,
            "total_loss": sum(losses) / len(losses),
            "lr": float(training.scheduler.get_last_lr()[0]),
            "images_per_second": seen / (time.perf_counter() - started),
        }
        writer.write(training.iteration - 1, scalars)
        logger.info("iteration %d: %s", training.iteration - 1, format_scalars(scalars))
        losses.clear()
    training.epoch += 1


def step(
    training: Training, images: torch.Tensor, labels: torch.Tensor, masks: torch.Tensor
) -> float:
    """Train on one batch; return its loss.

    Args:
        images: letterboxed, [N, 3, H, W] uint8 RGB.
        labels: [N], 1 is Bad.
        masks: [N, 1, H, W] uint8, 255 on scratches.

    Raises FloatingPointError if the loss is not finite; nothing is changed then.
    """
    device, dtype = training.device, training.autocast
    labels = labels.to(device)
    inputs = training.preprocessing.normalise(images.to(device, non_blocking=True))
    inputs = inputs.contiguous(memory_format=torch.channels_last)
    with torch.autocast(device.type, dtype, enabled=dtype is not None):
        maps = training.model(inputs)
    loss = training.loss(max_pool_logits(maps), labels)
    if weight := training.info["mask_loss_weight"]:
        loss = loss + weight * patch_loss(maps, masks.to(device), labels)
    value = loss.item()
    if not math.isfinite(value):
        raise FloatingPointError(
            f"the loss is {value} at iteration {training.iteration}; lower GATE.BASE_LR"
        )
    training.optimizer.zero_grad()
    loss.backward()
    training.optimizer.step()
    training.scheduler.step()
    training.iteration += 1
    return value


def format_scalars(scalars: dict[str, float]) -> str:
    """Return scalars as "loss 0.1234, roc_auc 0.9876"."""
    return ", ".join(f"{name} {value:.4g}" for name, value in scalars.items())


def _read_last(cfg: CfgNode, folder: Path, resume: bool) -> dict[str, Any] | None:
    last = read_last(folder) if resume else None
    if last is not None:
        check_resumable(last, cfg)
    elif resume:
        logger.info("nothing to resume in %s: starting from the beginning", folder)
    return last


def _choose_seed(seed: int, last: dict[str, Any] | None) -> int:
    """A resumed run keeps its seed; a negative seed in the config means a random one."""
    if last is not None:
        return last["gate"]["seed"]
    return seed if seed >= 0 else torch.seed() % 2**31


def _load_data(cfg: CfgNode, seed: int) -> tuple[Examples, Examples]:
    preprocessing = Preprocessing(cfg.GATE.IMAGE_SIZE)
    dicts = collect(cfg.DATASETS.TRAIN)
    bad = sum(each["verdict"] == "bad" for each in dicts)
    if bad in (0, len(dicts)):
        raise ValueError(
            f"DATASETS.TRAIN {list(cfg.DATASETS.TRAIN)} holds {len(dicts) - bad} Good and {bad} "
            "Bad images; the gate learns from both"
        )
    held_out = collect(cfg.DATASETS.TEST)
    logger.info("reading %d images for training, %d for validation", len(dicts), len(held_out))
    augment = make_augmentation(preprocessing.fill)
    masks, white = cfg.GATE.MASK_LOSS_WEIGHT > 0, cfg.SCRATCH.WHITE_LEVEL
    return (
        Examples(dicts, preprocessing, augment, seed, with_masks=masks, white_level=white),
        Examples(held_out, preprocessing, white_level=white),
    )


def _metadata(cfg: CfgNode, examples: Examples, seed: int) -> dict[str, Any]:
    """Return the metadata of the checkpoints, plain values only."""
    bad = int(examples.labels.sum())
    good = len(examples) - bad
    return {
        "model": cfg.GATE.MODEL,
        "width": float(cfg.GATE.WIDTH),
        "preprocessing": examples.preprocessing.to_dict(),
        "train_images": {"good": good, "bad": bad},
        "prior": bad / (good + bad),
        "pos_weight": float(cfg.GATE.POS_WEIGHT or good / bad),
        "batch_size": int(cfg.GATE.BATCH_SIZE),
        "mask_loss_weight": float(cfg.GATE.MASK_LOSS_WEIGHT),
        "seed": seed,
        "validation": {},
    }


def _save(training: Training, folder: Path) -> None:
    metrics = training.info["validation"]
    best = folder / "model_best.pth"
    if not metrics:
        # One of an earlier run in this folder would be taken for the best of this one.
        best.unlink(missing_ok=True)
    elif training.best is None or rank(metrics) > rank(training.best):
        training.best = metrics
        save_atomically(training.weights(), best)
    save_resumable(folder, training.resumable())


def _log_validation(training: Training, writer: MetricWriter) -> None:
    metrics = training.info["validation"]
    writer.write(training.iteration - 1, {f"validation/{k}": v for k, v in metrics.items()})
    logger.info("epoch %d: validation %s", training.epoch, format_scalars(metrics))


def _log_start(training: Training, held_out: int) -> None:
    info, dtype = training.info, training.autocast or torch.float32
    logger.info(
        "training %s on %s in %s: %s, weight of Bad %.3g, %d images to validate, seed %d, after "
        "epoch %d",
        info["model"],
        training.device,
        str(dtype).removeprefix("torch."),
        info["train_images"],
        info["pos_weight"],
        held_out,
        info["seed"],
        training.epoch,
    )
