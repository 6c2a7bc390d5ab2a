"""Load gate and detector as they were trained, and as they are fast."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from fvcore.common.config import CfgNode

from scratch_d2.bundles.runtimes import TITLES, TORCH, Runtime, choose_runtime
from scratch_d2.checkpoints.bundle import ModelBundle
from scratch_d2.engines.base import Detector, Engine
from scratch_d2.gate.loading import GateScorer, load_gate

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)


class Models(NamedTuple):
    """A gate, or None to send every image to the detector, and a detector."""

    gate: GateScorer | None
    detector: Detector


class LoadedModels(NamedTuple):
    """The models of a bundle, ready to run.

    Attributes:
        exact: as they were trained.
        fast: those that propose verdicts; None if the exact ones do.
        precision: in which `fast` computes, "exact" without.
        runtime: what runs `fast`.
    """

    device: torch.device
    exact: Models
    fast: Models | None
    precision: str
    runtime: Runtime


def load_models(
    bundle: ModelBundle, cfg: CfgNode, engine: Engine, threads: int = 0
) -> LoadedModels:
    """Load the models of a bundle; the config says their architecture, device and precision.

    If the runtime that SCRATCH.RUNTIME auto chooses cannot run them, the log says why, and torch
    runs them.

    Args:
        threads: processors for one call of a model in a runtime other than torch; 0 takes all.

    Raises what `choose_runtime` raises, and ValueError if the runtime that SCRATCH.RUNTIME names
    cannot run the models.
    """
    from scratch_d2.checkpoints.precision import pick_precision
    from scratch_d2.utils.device import pick_device

    device = pick_device(cfg.MODEL.DEVICE)
    precision = pick_precision(cfg.SCRATCH.PRECISION, device)
    runtime = choose_runtime(cfg, device, precision)

    def load(precision: str) -> Models:
        gate = load_gate(bundle.gate, cfg.MODEL.DEVICE, precision)
        return Models(gate, engine.load(cfg, bundle.detector, precision))

    exact = load("exact")
    fast: Models | None
    if runtime.name != TORCH:
        try:
            fast = _load_exported(bundle, cfg, engine, exact, runtime.name, threads)
            return LoadedModels(device, exact, fast, "float32", runtime)
        # Exporters and runtimes raise errors of many kinds.
        except Exception as error:
            runtime = _fall_back(cfg, runtime, error)
    fast = None if precision == "exact" else load(precision)
    return LoadedModels(device, exact, fast, precision, runtime)


def _load_exported(
    bundle: ModelBundle, cfg: CfgNode, engine: Engine, exact: Models, runtime: str, threads: int
) -> Models:
    from scratch_d2.bundles.cache import load_exported

    loaded = load_exported(cfg, bundle, engine.name, exact.detector, runtime, threads)
    return Models(loaded.gate, loaded.detector)


def _fall_back(cfg: CfgNode, runtime: Runtime, error: Exception) -> Runtime:
    """Return torch in place of a runtime that failed; raise if the config demands that runtime."""
    title, why = TITLES[runtime.name], " ".join(f"{type(error).__name__}: {error}".split())
    if cfg.SCRATCH.RUNTIME != "auto":
        raise ValueError(
            f"SCRATCH.RUNTIME is {runtime.name}, but {title} cannot run these models ({why}); "
            "accepted are auto and torch"
        ) from error
    logger.warning("torch runs the models, because %s cannot run them (%s)", title, why)
    return Runtime(TORCH, f"{title} cannot run them")
