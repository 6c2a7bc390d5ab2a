"""Read checkpoints of either engine, of the gate, and plain ResNet-50 weights, under one naming.

The naming is Detectron2's. Files load with `weights_only`, so none can run code.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from fvcore.common.config import CfgNode
from torch import nn

logger = logging.getLogger(__name__)
Tensors = dict[str, torch.Tensor]

# How the ResNets of timm and torchvision, and so the gate, name what Detectron2 names otherwise.
_RESNET_NAMES = (
    (re.compile(r"^conv1\."), "stem.conv1."),
    (re.compile(r"^bn1\."), "stem.conv1.norm."),
    (re.compile(r"\.bn(\d)\."), r".conv\1.norm."),
    (re.compile(r"\.downsample\.0\."), ".shortcut."),
    (re.compile(r"\.downsample\.1\."), ".shortcut.norm."),
)


def choose_weights(cfg: CfgNode, opts: Sequence[str] = ()) -> Path:
    """Return the detector's checkpoint to load: the first of these that is there.

    MODEL.WEIGHTS of the command line; model_best.pth, then model_final.pth in OUTPUT_DIR;
    MODEL.WEIGHTS of the config file. Raises FileNotFoundError saying how to name one.
    """
    if "MODEL.WEIGHTS" not in opts[::2]:
        for name in ("model_best.pth", "model_final.pth"):
            if (Path(cfg.OUTPUT_DIR) / name).is_file():
                return Path(cfg.OUTPUT_DIR) / name
    if not cfg.MODEL.WEIGHTS:
        raise FileNotFoundError(
            f"no weights for the detector: OUTPUT_DIR {cfg.OUTPUT_DIR!r} holds no trained model; "
            "train one, or add MODEL.WEIGHTS and the path of a checkpoint to the command"
        )
    return Path(cfg.MODEL.WEIGHTS)


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint file as {"model": {name: tensor}, ...}, on the CPU.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no checkpoint, or a pickle that needs more than tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"weights {str(path)!r}: no such file")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"weights {str(path)!r} cannot be read as a checkpoint of tensors ({reason}); accepted "
            "are files of torch.save holding tensors and plain values, no other pickles"
        ) from None
    if isinstance(content, Mapping) and "model" not in content:
        content = {"model": content}
    if not isinstance(content, Mapping) or not isinstance(content["model"], Mapping):
        raise ValueError(f"weights {str(path)!r} hold no state dict; a dict of tensors is expected")
    tensors = {k: v for k, v in content["model"].items() if isinstance(v, torch.Tensor)}
    return {**content, "model": tensors}


def read_detector_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint with the detector's parameter names, as Detectron2 writes them.

    A checkpoint of the gate, or a bare ResNet-50 of timm or torchvision, becomes the weights of
    the detector's backbone.
    """
    content = read_checkpoint(path)
    # What lies in the gate's "trunk." is the ResNet as timm names it.
    model = {
        name.removeprefix("module.").removeprefix("trunk."): value
        for name, value in content["model"].items()
    }
    if "conv1.weight" in model and "layer1.0.conv1.weight" in model:
        return {"model": resnet_to_backbone(model)}
    return {**content, "model": model}


def resnet_to_backbone(model: Tensors) -> Tensors:
    """Rename a ResNet of timm or torchvision to the FPN backbone of Detectron2; no classifiers."""
    renamed = {}
    for name, value in model.items():
        if name.startswith(("fc.", "heads.")) or name.endswith("num_batches_tracked"):
            continue
        for pattern, replacement in _RESNET_NAMES:
            name = pattern.sub(replacement, name)
        name = re.sub(r"^layer(\d)", lambda match: f"res{int(match[1]) + 1}", name)
        renamed[f"backbone.bottom_up.{name}"] = value
    return renamed


def check_fits(found: Tensors, wanted: Mapping[str, torch.Tensor], path: str | Path) -> None:
    """Raise ValueError unless the weights hold the whole backbone that a model wants."""
    backbone = [name for name in wanted if name.startswith("backbone.bottom_up.")]
    # Frozen norms count no batches, nor do the gate's once they are renamed.
    backbone = [name for name in backbone if not name.endswith("num_batches_tracked")]
    _refuse([n for n in backbone if not _same(found.get(n), wanted[n])], found, wanted, path)


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Load every parameter of a detector from a checkpoint of either engine, in place.

    Raises FileNotFoundError, or ValueError naming the first parameters that are missing or of
    another shape.
    """
    found, wanted = read_detector_checkpoint(path)["model"], model.state_dict()
    counters = [name for name in wanted if name.endswith("num_batches_tracked")]
    missing = [n for n in wanted if n not in counters and not _same(found.get(n), wanted[n])]
    _refuse(missing, found, wanted, path)
    model.load_state_dict({n: found[n] for n in wanted if n in found}, strict=False)


def load_initial_weights(model: nn.Module, path: str | Path) -> None:
    """Start training from a checkpoint, a gate or a bare ResNet-50: load all that fits, in place.

    The backbone has to fit whole; other parameters that are missing or of another shape keep
    their initial values. Raises FileNotFoundError or ValueError as `load_weights` does.
    """
    found, wanted = read_detector_checkpoint(path)["model"], model.state_dict()
    check_fits(found, wanted, path)
    fitting = {name: found[name] for name in wanted if _same(found.get(name), wanted[name])}
    model.load_state_dict(fitting, strict=False)
    logger.info("%s: %d of %d parameters loaded", path, len(fitting), len(wanted))


def _same(found: torch.Tensor | None, wanted: torch.Tensor) -> bool:
    return found is not None and found.shape == wanted.shape


def _refuse(
    missing: list[str], found: Tensors, wanted: Mapping[str, torch.Tensor], path: str | Path
) -> None:
    if not missing:
        return
    listed = []
    for name in missing[:3]:
        have = f"is {tuple(found[name].shape)}" if name in found else "is missing"
        listed.append(f"{name} {have}, wanted {tuple(wanted[name].shape)}")
    raise ValueError(
        f"weights {str(path)!r} are of another architecture than the config: {'; '.join(listed)}"
        f" ({len(missing)} parameters in all). Accepted are checkpoints of this config, of the "
        "gate (MODEL.WEIGHTS for training only) and ResNet-50 weights of timm or torchvision"
    )
