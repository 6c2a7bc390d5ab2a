"""How Detectron2 names the parameters that timm and torchvision name otherwise, both ways."""

import re

import torch

Tensors = dict[str, torch.Tensor]
BACKBONE = "backbone.bottom_up."

# A ResNet of timm or torchvision, and so the gate's trunk, against Detectron2's.
_TO_DETECTRON2 = (
    (re.compile(r"^conv1\."), "stem.conv1."),
    (re.compile(r"^bn1\."), "stem.conv1.norm."),
    (re.compile(r"\.bn(\d)\."), r".conv\1.norm."),
    (re.compile(r"\.downsample\.0\."), ".shortcut."),
    (re.compile(r"\.downsample\.1\."), ".shortcut.norm."),
)
_TO_RESNET = (
    (re.compile(r"^stem\.conv1\.norm\."), "bn1."),
    (re.compile(r"^stem\.conv1\."), "conv1."),
    (re.compile(r"\.conv(\d)\.norm\."), r".bn\1."),
    (re.compile(r"\.shortcut\.norm\."), ".downsample.1."),
    (re.compile(r"\.shortcut\."), ".downsample.0."),
)


def is_resnet(model: Tensors) -> bool:
    """Whether the names are those of a ResNet of timm or torchvision with bottleneck blocks."""
    return "conv1.weight" in model and "layer1.0.conv3.weight" in model


def strip_wrappers(model: Tensors) -> Tensors:
    """Drop what DistributedDataParallel and the gate put before the names."""
    return {
        name.removeprefix("module.").removeprefix("trunk."): value for name, value in model.items()
    }


def to_detectron2(model: Tensors) -> Tensors:
    """Return weights under Detectron2's names, whatever the naming they come with.

    Accepted are detectors of either engine, the gate, ResNets of timm and torchvision, and a
    backbone alone as in Detectron2's torchvision/R-50.pkl.
    """
    model = strip_wrappers(model)
    if is_resnet(model):
        return resnet_to_backbone(model)
    if "stem.conv1.weight" in model:
        return {f"{BACKBONE}{name}": value for name, value in model.items()}
    return model


def resnet_to_backbone(model: Tensors) -> Tensors:
    """Rename a ResNet of timm or torchvision to the FPN backbone of Detectron2; no classifiers."""
    renamed = {}
    for name, value in model.items():
        if name.startswith(("fc.", "heads.")) or name.endswith("num_batches_tracked"):
            continue
        for pattern, replacement in _TO_DETECTRON2:
            name = pattern.sub(replacement, name)
        name = re.sub(r"^layer(\d)", lambda match: f"res{int(match[1]) + 1}", name)
        renamed[f"{BACKBONE}{name}"] = value
    return renamed


def backbone_to_resnet(model: Tensors) -> Tensors:
    """Rename the backbone of a detector to a ResNet of timm or torchvision, without a classifier.

    Frozen norms count no batches; their counters become 0, so that only `fc` is missing.
    """
    renamed = {}
    for name, value in model.items():
        if not name.startswith(BACKBONE):
            continue
        name = name.removeprefix(BACKBONE)
        for pattern, replacement in _TO_RESNET:
            name = pattern.sub(replacement, name)
        renamed[re.sub(r"^res(\d)", lambda match: f"layer{int(match[1]) - 1}", name)] = value
    for name in [name for name in renamed if name.endswith("running_var")]:
        counter = name.replace("running_var", "num_batches_tracked")
        renamed.setdefault(counter, torch.tensor(0))
    return renamed
