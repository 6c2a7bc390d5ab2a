"""Choose weights, check that they fit a model, and load them into it."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from scratch_d2.checkpoints.files import read_checkpoint
from scratch_d2.checkpoints.names import BACKBONE, Tensors, is_caffe2, to_detectron2

logger = logging.getLogger(__name__)


def read_detector_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint with the detector's parameter names, as Detectron2 writes them.

    A checkpoint of the gate, or a bare ResNet-50 of timm or torchvision, becomes the weights of
    the detector's backbone.
    """
    content = read_checkpoint(path)
    return {**content, "model": to_detectron2(content["model"])}


def check_fits(found: Tensors, wanted: Mapping[str, torch.Tensor], path: str | Path) -> None:
    """Raise ValueError unless the weights hold the backbone that a model wants, and no other."""
    _refuse_misfits(_only_backbone(found), _only_backbone(wanted), path)


def load_weights(model: nn.Module, path: str | Path) -> dict[str, Any]:
    """Load every parameter of a detector from a checkpoint of either engine, in place.

    Returns all that the file holds. Raises FileNotFoundError, or ValueError naming the first
    parameters that are missing, of another shape, or unknown to the model.
    """
    content, wanted = read_detector_checkpoint(path), model.state_dict()
    found = content["model"]
    _refuse_misfits(found, wanted, path)
    model.load_state_dict({n: found[n] for n in wanted if n in found}, strict=False)
    return content


def load_initial_weights(
    model: nn.Module,
    path: str | Path,
    rename: Callable[[nn.Module, Tensors], Tensors] | None = None,
) -> None:
    """Start training from a checkpoint, a gate or a bare ResNet-50: load all that fits, in place.

    The backbone has to fit whole; other parameters that are missing or of another shape keep
    their initial values.

    Args:
        rename: gives the tensors of a file the names that a model wants; without it, names of
            Caffe2 are refused.

    Raises FileNotFoundError or ValueError as `load_weights` does, and ValueError if nothing
    fits.
    """
    found, wanted = read_detector_checkpoint(path)["model"], model.state_dict()
    if rename is not None:
        found = rename(model, found)
    elif is_caffe2(found):
        raise ValueError(
            f"weights {str(path)!r} have Caffe2's names ({next(iter(found))}, ...), which "
            "Detectron2 translates (SCRATCH.ENGINE d2); accepted here are Detectron2's "
            "torchvision/R-50.pkl and ResNets of timm and torchvision"
        )
    check_fits(found, wanted, path)
    fitting = {name: found[name] for name in wanted if _same(found.get(name), wanted[name])}
    if not fitting:
        raise ValueError(
            f"weights {str(path)!r} share no parameter with the model of the config; they hold "
            f"{', '.join(list(found)[:3]) or 'nothing'}, wanted are {', '.join(list(wanted)[:3])}"
        )
    model.load_state_dict(fitting, strict=False)
    logger.info("%s: %d of %d parameters loaded", path, len(fitting), len(wanted))


def _only_backbone(model: Mapping[str, torch.Tensor]) -> Tensors:
    return {name: value for name, value in model.items() if name.startswith(BACKBONE)}


def _same(found: torch.Tensor | None, wanted: torch.Tensor) -> bool:
    return found is not None and found.shape == wanted.shape


def _refuse_misfits(found: Tensors, wanted: Mapping[str, torch.Tensor], path: str | Path) -> None:
    # A deeper network holds all that a shallower one wants, so what is left over counts as well.
    names = [name for name in (*wanted, *(found.keys() - wanted.keys())) if not _is_derived(name)]
    misfits = [n for n in names if n not in wanted or not _same(found.get(n), wanted[n])]
    if not misfits:
        return
    listed = []
    for name in sorted(misfits, key=lambda name: (name not in wanted, name))[:3]:
        have = f"is {tuple(found[name].shape)}" if name in found else "is missing"
        want = f"wanted {tuple(wanted[name].shape)}" if name in wanted else "unknown to the model"
        listed.append(f"{name} {have}, {want}")
    raise ValueError(
        f"weights {str(path)!r} are of another architecture than the config: {'; '.join(listed)}"
        f" ({len(misfits)} parameters in all). Accepted are checkpoints of this config, of the "
        "gate (MODEL.WEIGHTS for training only) and ResNet-50 weights of timm or torchvision"
    )


def _is_derived(name: str) -> bool:
    """Whether a model makes this entry itself, from its config or by counting."""
    if name.startswith(f"{BACKBONE}fc."):
        return True
    endings = ("num_batches_tracked", "pixel_mean", "pixel_std")
    return name.endswith(endings) or "anchor_generator.cell_anchors" in name
