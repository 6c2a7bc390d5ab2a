"""How Detectron2 names the parameters that timm and torchvision name otherwise, both ways."""

from itertools import product

import torch

Tensors = dict[str, torch.Tensor]
BACKBONE = "backbone.bottom_up."
# What DistributedDataParallel and Lightning put before every name.
WRAPPERS = ("module.", "model.")

# Modules of a block in a ResNet of timm or torchvision, and so in the gate's trunk, and what
# Detectron2 calls them.
_BLOCK = {
    **{f"conv{number}": f"conv{number}" for number in (1, 2, 3)},
    **{f"bn{number}": f"conv{number}.norm" for number in (1, 2, 3)},
    "downsample.0": "shortcut",
    "downsample.1": "shortcut.norm",
}
_LONGEST_STAGE = 36  # blocks, of a ResNet-152
_TO_DETECTRON2 = {"conv1": "stem.conv1", "bn1": "stem.conv1.norm"} | {
    f"layer{stage}.{block}.{theirs}": f"res{stage + 1}.{block}.{ours}"
    for stage, block, (theirs, ours) in product((1, 2, 3, 4), range(_LONGEST_STAGE), _BLOCK.items())
}
_TO_RESNET = {ours: theirs for theirs, ours in _TO_DETECTRON2.items()}


def is_resnet(model: Tensors) -> bool:
    """Whether the names are those of a ResNet of timm or torchvision with bottleneck blocks."""
    return "conv1.weight" in model and "layer1.0.conv3.weight" in model


def is_caffe2(model: Tensors) -> bool:
    """Whether the names are Caffe2's, as in Detectron2's ImageNetPretrained/MSRA/R-50.pkl."""
    return any(name == "conv1_w" or name.endswith("_branch2a_w") for name in model)


def strip_wrappers(model: Tensors) -> Tensors:
    """Drop what wrappers put before names: before all of them, or, as torch.compile, within."""
    model = {name.replace("_orig_mod.", ""): value for name, value in model.items()}
    while prefix := next(
        (p for p in WRAPPERS if model and all(n.startswith(p) for n in model)), ""
    ):
        model = {name.removeprefix(prefix): value for name, value in model.items()}
    return model


def to_detectron2(model: Tensors) -> Tensors:
    """Return weights under Detectron2's names, whatever the naming they come with.

    Accepted are detectors of either engine, the gate, ResNets of timm and torchvision, and a
    backbone alone as in Detectron2's torchvision/R-50.pkl.
    """
    model = {name.removeprefix("trunk."): value for name, value in strip_wrappers(model).items()}
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
        renamed[f"{BACKBONE}{_rename(name, _TO_DETECTRON2)}"] = value
    return renamed


def backbone_to_resnet(model: Tensors) -> Tensors:
    """Rename the backbone of a detector to a ResNet of timm or torchvision, without a classifier.

    Frozen norms count no batches; their counters become 0, so that only `fc` is missing.
    """
    renamed = {
        _rename(name.removeprefix(BACKBONE), _TO_RESNET): value
        for name, value in model.items()
        if name.startswith(BACKBONE)
    }
    for name in [name for name in renamed if name.endswith("running_var")]:
        counter = name.replace("running_var", "num_batches_tracked")
        renamed.setdefault(counter, torch.tensor(0))
    return renamed


def _rename(name: str, modules: dict[str, str]) -> str:
    """Rename the module of a parameter; one that is no ResNet's keeps its name."""
    module, _, leaf = name.rpartition(".")
    return f"{modules.get(module, module)}.{leaf}"
