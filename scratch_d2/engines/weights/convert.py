"""Turn weights of one model into the beginning of another."""

from pathlib import Path

from scratch_d2.engines.weights.files import read_checkpoint
from scratch_d2.engines.weights.names import BACKBONE, backbone_to_resnet, to_detectron2
from scratch_d2.runs import save_atomically


def convert_weights(source: str | Path, target: str | Path, to: str) -> int:
    """Write the weights of `source` under the names that `to` asks for; returns how many tensors.

    Args:
        source: a ResNet of torchvision or timm, a gate, or a detector, in any accepted format.
        target: file of torch.save, read with `weights_only` by everyone named here.
        to: "detector" writes {"model": ...} under Detectron2's names, for MODEL.WEIGHTS of either
            engine and of plain Detectron2, without the state of a training run; "resnet" writes the
            state dict of a ResNet of torchvision or timm, all but its classifier `fc`.

    Raises:
        FileNotFoundError: there is no `source`.
        ValueError: `source` holds no ResNet with bottleneck blocks, or `to` is unknown.
    """
    if to not in ("detector", "resnet"):
        raise ValueError(f"weights cannot be turned into {to!r}; accepted are detector, resnet")
    model = to_detectron2(read_checkpoint(source)["model"])
    if f"{BACKBONE}res2.0.conv3.weight" not in model:
        raise ValueError(
            f"weights {str(source)!r} hold no ResNet-50, 101 or 152, but {_describe(model)}; "
            "accepted are those of torchvision and timm, a gate with such a network, and detectors"
        )
    converted = model if to == "detector" else backbone_to_resnet(model)
    converted = {name: value.contiguous() for name, value in converted.items()}
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    save_atomically({"model": converted} if to == "detector" else converted, target)
    return len(converted)


def _describe(model: dict) -> str:
    return f"{', '.join(list(model)[:3])}, ... ({len(model)} tensors)" if model else "no tensors"
