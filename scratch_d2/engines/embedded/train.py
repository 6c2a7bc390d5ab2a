"""The training loop of the embedded engine, to be read from top to bottom."""

import logging
import math
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import torch
from fvcore.common.checkpoint import PeriodicCheckpointer
from fvcore.common.config import CfgNode

from scratch_d2.checkpoints.bundle import find_detector_weights, thresholds_from_config
from scratch_d2.checkpoints.loading import load_initial_weights
from scratch_d2.data.catalog import save_training_splits
from scratch_d2.engines.batches import new_seed, repeat_factors, seed_iteration, training_loader
from scratch_d2.engines.checkpoints import BestModel, metric_name, resume_run
from scratch_d2.engines.checks import check_datasets, check_resumable
from scratch_d2.engines.embedded.checkpoints import Checkpoints, TrainingState
from scratch_d2.engines.embedded.detector import (
    EmbeddedDetector,
    evaluate_detector,
    flatten_results,
    test_datasets,
)
from scratch_d2.engines.embedded.mapper import Sample, TrainingMapper, training_dicts
from scratch_d2.engines.embedded.model import MaskRCNN
from scratch_d2.engines.embedded.settings import check_settings
from scratch_d2.engines.embedded.solver import clip_gradients, make_optimizer, make_schedule
from scratch_d2.engines.plain_config import save_plain_config
from scratch_d2.evaluation.settings import EvaluationSettings
from scratch_d2.utils.device import has_bfloat16, pick_device
from scratch_d2.utils.files import prepare_output_dir
from scratch_d2.utils.logging import MetricWriter, command_line, format_seconds, setup_logger

# Iterations between two lines of metrics.json, as in Detectron2.
WRITE_PERIOD = 20
logger = logging.getLogger("scratch_d2")


def train_detector(cfg: CfgNode, resume: bool = False) -> Path:
    """Train on DATASETS.TRAIN up to SOLVER.MAX_ITER; returns OUTPUT_DIR/model_final.pth.

    Args:
        resume: continue from the last checkpoint in OUTPUT_DIR, if there is one. On one machine
            with one seed the result is the same as without the interruption.

    Raises:
        ValueError: the config asks for something that this engine does not do, a dataset holds no
            image, or the run to resume was begun with another seed or batch size.
        FloatingPointError: a loss is no finite number; names the iteration and all losses.
    """
    check_settings(cfg, training=True)
    check_datasets(cfg)
    if resume:
        check_resumable(cfg)
    output = prepare_output_dir(cfg.OUTPUT_DIR, cfg)
    setup_logger(output).info("command: %s", command_line())
    save_plain_config(cfg, output / "model_final.pth")
    set_backend(cfg)
    device, last = pick_device(cfg.MODEL.DEVICE), cfg.SOLVER.MAX_ITER
    dicts = training_dicts(cfg)
    datasets = cfg.DATASETS.TRAIN, cfg.DATASETS.TEST
    save_training_splits(*datasets, output, cfg.MODEL.WEIGHTS, resume)

    seed = new_seed(cfg)
    torch.manual_seed(seed)
    model = MaskRCNN(cfg).to(device).train()
    dtype = amp_dtype(cfg, device)
    if dtype is torch.bfloat16:
        # The layout in which processors are fastest with it.
        model.to(memory_format=torch.channels_last)
    elif cfg.SOLVER.AMP.ENABLED and dtype is None:
        logger.info("SOLVER.AMP.ENABLED, but this processor has no bfloat16: training in float32")
    optimizer = make_optimizer(cfg, model)
    schedule = make_schedule(cfg, optimizer)
    batch_size = cfg.SOLVER.IMS_PER_BATCH
    state = TrainingState(optimizer, schedule, make_scaler(cfg, device), seed, batch_size)
    checkpoints = Checkpoints(model, output, state)
    resume = resume and checkpoints.has_checkpoint()
    if resume:
        resume_run(checkpoints.get_checkpoint_file(), model, state)
    elif cfg.MODEL.WEIGHTS:
        load_initial_weights(model, cfg.MODEL.WEIGHTS)
    start, seed = state.iteration + 1, state.seed
    repeats = repeat_factors(cfg, dicts)
    loader = training_loader(cfg, dicts, TrainingMapper(cfg), seed, repeats, start=start)
    periodic = PeriodicCheckpointer(checkpoints, cfg.SOLVER.CHECKPOINT_PERIOD, last)
    best = BestModel(output, resume)

    logger.info("training from iteration %d to %d on %s, seed %d", start, last, device, seed)
    with MetricWriter(output) as writer:
        smoothed = Smoothed()
        batches: Iterator[list[Sample]] = iter(loader) if start < last else iter(())
        for iteration in range(start, last):
            begin = time.perf_counter()
            batch = next(batches)
            data_time = time.perf_counter() - begin
            seed_iteration(seed, iteration)
            losses = step(cfg, model, batch, optimizer, state.scaler, iteration)
            lr = optimizer.param_groups[0]["lr"]
            schedule.step()
            state.iteration = iteration
            smoothed.add(losses, time=time.perf_counter() - begin, data_time=data_time)

            periodic.step(iteration)
            metrics: dict[str, float] = {}
            period = cfg.TEST.EVAL_PERIOD
            if period and (iteration + 1) % period == 0 and iteration + 1 < last:
                metrics = evaluate(cfg, model, best, iteration)
            if metrics or (iteration + 1) % WRITE_PERIOD == 0 or iteration + 1 == last:
                values = {**smoothed.take(), "lr": lr}
                eta = format_seconds(values["time"] * (last - iteration - 1))
                logger.info("iter %d  eta: %s  %s", iteration, eta, describe(values))
                writer.write(iteration, {**values, **metrics})
        final = output / "model_final.pth"
        if start >= last and not final.is_file():
            checkpoints.save("model_final", iteration=start - 1)
        metrics = evaluate(cfg, model, best, max(start, last) - 1)
        if metrics:
            writer.write(max(start, last) - 1, metrics)
    thresholds_from_config(cfg).save(output)
    save_plain_config(cfg, find_detector_weights(cfg))
    return final


def step(
    cfg: CfgNode,
    model: MaskRCNN,
    batch: list[Sample],
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    iteration: int,
) -> dict[str, float]:
    """Update the weights once; returns the losses and their sum."""
    device = model.pixel_mean.device
    images, targets = [image for image, _ in batch], [target for _, target in batch]
    dtype = amp_dtype(cfg, device)
    with torch.autocast(device.type, dtype, enabled=dtype is not None):
        losses = model(images, targets)
        total = sum(losses.values())
    values = {name: float(loss.detach()) for name, loss in losses.items()}
    if not all(math.isfinite(value) for value in values.values()):
        raise FloatingPointError(
            f"the loss is infinite or NaN at iteration {iteration}: {describe(values)}; lower "
            f"SOLVER.BASE_LR ({cfg.SOLVER.BASE_LR}) or enable SOLVER.CLIP_GRADIENTS"
        )
    optimizer.zero_grad()
    scaler.scale(total).backward()
    scaler.unscale_(optimizer)
    clip_gradients(cfg, optimizer)
    scaler.step(optimizer)
    scaler.update()
    return {"total_loss": sum(values.values()), **values}


def evaluate(cfg: CfgNode, model: MaskRCNN, best: BestModel, iteration: int) -> dict[str, float]:
    """Evaluate on DATASETS.TEST, keep the best model; returns flat metrics, {} without a test."""
    if not cfg.DATASETS.TEST:
        return {}
    model.eval()
    settings, detector = EvaluationSettings.in_training(cfg), EmbeddedDetector(cfg, model)
    metrics = flatten_results(evaluate_detector(detector, test_datasets(cfg), settings))
    model.train()
    best.offer(model, metrics.get(metric_name(cfg.DATASETS.TEST), math.nan), iteration)
    return metrics


def amp_dtype(cfg: CfgNode, device: torch.device) -> torch.dtype | None:
    """Return the type of SOLVER.AMP's mixed precision, None for float32.

    On a GPU it is float16, as in Detectron2, and on a processor bfloat16 if it computes in it.
    """
    if not cfg.SOLVER.AMP.ENABLED:
        return None
    if device.type == "cuda":
        return torch.float16
    return torch.bfloat16 if has_bfloat16(device) else None


def make_scaler(cfg: CfgNode, device: torch.device) -> torch.amp.GradScaler:
    """Return the loss scaler of mixed precision; only float16 needs one."""
    return torch.amp.GradScaler("cuda", enabled=amp_dtype(cfg, device) is torch.float16)


def set_backend(cfg: CfgNode) -> None:
    """Apply the keys that concern torch as a whole."""
    torch.backends.cudnn.benchmark = cfg.CUDNN_BENCHMARK
    if cfg.FLOAT32_PRECISION:
        torch.set_float32_matmul_precision(cfg.FLOAT32_PRECISION)


def describe(values: dict[str, float]) -> str:
    """Return values as one line for the log."""
    return "  ".join(f"{name}: {value:.4g}" for name, value in values.items())


class Smoothed:
    """Medians of what happened since the last line, as Detectron2 writes them."""

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = {}

    def add(self, losses: dict[str, float], **times: float) -> None:
        """Add the values of one iteration."""
        for name, value in {**losses, **times}.items():
            self._values.setdefault(name, []).append(value)

    def take(self) -> dict[str, float]:
        """Return the medians and forget the values."""
        medians = {name: median(values) for name, values in self._values.items()}
        self._values.clear()
        return medians
