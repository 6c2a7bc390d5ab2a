"""Turn weights of one model into the beginning of another, or into a file to hand on."""

from pathlib import Path
from typing import Any

import torch

from scratch_d2.checkpoints.files import read_checkpoint
from scratch_d2.checkpoints.names import BACKBONE, Tensors, backbone_to_resnet, to_detectron2
from scratch_d2.utils.files import save_atomically

KINDS = ("detector", "resnet", "release")
# What a gate's checkpoint says of itself and of Good images.
KEPT = ("gate", "familiarity")


def convert_weights(source: str | Path, target: str | Path, to: str) -> int:
    """Write the weights of `source` in the form that `to` asks for; returns how many tensors.

    Args:
        source: a ResNet of torchvision or timm, a gate, or a detector, in any accepted format.
        target: file of torch.save, read with `weights_only` by everyone named here.
        to: "detector" writes {"model": ...} under Detectron2's names, for MODEL.WEIGHTS of either
            engine and of plain Detectron2, without the state of a training run; "resnet" writes the
            state dict of a ResNet of torchvision or timm, all but its classifier `fc`; "release"
            writes a gate or a detector as it is, without that state and with its filters in
            float16, which halves the file and is loaded as float32.

    Raises:
        FileNotFoundError: there is no `source`.
        ValueError: `source` holds no ResNet with bottleneck blocks, or `to` is unknown.
    """
    if to not in KINDS:
        raise ValueError(f"weights cannot be turned into {to!r}; accepted are {', '.join(KINDS)}")
    content = read_checkpoint(source)
    if to == "release":
        made = _release(content)
    else:
        made = {"model": _rename(content["model"], source)}
    if to == "resnet":
        made["model"] = backbone_to_resnet(made["model"])
    made["model"] = {name: value.contiguous() for name, value in made["model"].items()}
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    save_atomically(made["model"] if to == "resnet" else made, target)
    return len(made["model"])


def _release(content: dict[str, Any]) -> dict[str, Any]:
    """Keep the weights and what a gate says of itself; norms and biases stay float32."""
    model = {
        name: value.half() if _fits_half(value) else value
        for name, value in content["model"].items()
    }
    return {"model": model} | {key: content[key] for key in KEPT if key in content}


def _fits_half(value: torch.Tensor) -> bool:
    if value.dtype != torch.float32 or value.dim() < 2:
        return False
    return not value.numel() or float(value.abs().max()) <= torch.finfo(torch.float16).max


def _rename(model: Tensors, source: str | Path) -> Tensors:
    model = to_detectron2(model)
    if f"{BACKBONE}res2.0.conv3.weight" not in model:
        raise ValueError(
            f"weights {str(source)!r} hold no ResNet-50, 101 or 152, but {_describe(model)}; "
            "accepted are those of torchvision and timm, a gate with such a network, and detectors"
        )
    return model


def _describe(model: dict) -> str:
    return f"{', '.join(list(model)[:3])}, ... ({len(model)} tensors)" if model else "no tensors"
