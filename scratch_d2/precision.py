"""In which numbers a network predicts: in float32, or in bfloat16 where that is faster."""

import copy
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

WITH_WEIGHTS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
# Parts of a detector, in either engine, after which it goes on in float32: bfloat16 would tell
# apart places in an image, scores and outlines of masks by steps that can be seen.
HANDED_OVER = (
    "backbone",
    "proposal_generator.rpn_head",
    "roi_heads.box_predictor",
    "roi_heads.mask_head.predictor",
)


def pick_precision(name: str, device: torch.device) -> str:
    """Return "float32" or "bfloat16"; "auto" is bfloat16 where the device itself computes in it."""
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    # Processors without the instructions would compute in bfloat16 too, slower than in float32.
    native = device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return "bfloat16" if native else "float32"


def in_precision(network: nn.Module, precision: str) -> nn.Module:
    """Return a network as it is for "float32", and for "bfloat16" a copy to run in `autocast`.

    The copy's convolutions and linear layers hold bfloat16 weights in the layout that processors
    and GPUs are fastest with, and have their normalisations folded into them.
    """
    if precision == "float32":
        return network
    network = copy.deepcopy(network).eval().requires_grad_(False)
    for module in network.modules():
        _fold_norm(module)
    for module in network.modules():
        if isinstance(module, WITH_WEIGHTS):
            module.to(torch.bfloat16)
    for name, module in network.named_modules():
        if name in HANDED_OVER:
            module.register_forward_hook(lambda part, inputs, found: _to_float32(found))
    return network.to(memory_format=torch.channels_last)


def autocast(precision: str, device: torch.device) -> AbstractContextManager:
    """Return the context in which a network made by `in_precision` is to be called."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def _fold_norm(module: nn.Module) -> None:
    """Fold a norm with fixed statistics into the convolution that owns it, in both engines."""
    norm = getattr(module, "norm", None)
    if not isinstance(module, nn.Conv2d) or not hasattr(norm, "running_mean"):
        return
    statistics = norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    module.weight, module.bias = fuse_conv_bn_weights(module.weight, module.bias, *statistics)
    module.norm = None


def _to_float32(found: Any) -> Any:
    if isinstance(found, dict):
        return {name: _to_float32(value) for name, value in found.items()}
    if isinstance(found, list | tuple):
        return type(found)(_to_float32(value) for value in found)
    return found.float()
