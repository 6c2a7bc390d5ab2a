"""In which numbers a network predicts: exactly as it was trained, or faster and nearly so.

"exact" is the network as it was trained, to the last bit. "float32" computes the same but for
rounding, "bfloat16" with eight bits of mantissa; both with norms folded into convolutions, in the
layout that processors and GPUs are fastest with.
"""

import copy
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_conv_bn_weights

from scratch_d2.utils.device import has_bfloat16

Network = TypeVar("Network", bound=nn.Module)
WITH_WEIGHTS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
# Parts of a detector, in either engine, after which it continues in float32: bfloat16 would tell
# apart places in an image, scores and outlines of masks by steps that can be seen.
HANDED_OVER = (
    "backbone",
    "proposal_generator.rpn_head",
    "roi_heads.box_predictor",
    "roi_heads.mask_head.predictor",
)


def pick_precision(name: str, device: torch.device) -> str:
    """Return a name other than "auto", which is bfloat16 on a GPU that itself computes in it.

    On processors, also those with bfloat16, ONNX Runtime in float32 is faster than torch in either,
    and nearer to the exact numbers (benchmarks/predict.py).
    """
    if name != "auto":
        return name
    return "bfloat16" if device.type == "cuda" and has_bfloat16(device) else "float32"


def in_precision(network: Network, precision: str) -> Network:
    """Return a network as it is for "exact", and else a copy to run in `autocast`.

    Norms with fixed statistics are folded into the convolutions before them; for "bfloat16"
    convolutions and linear layers hold such weights.
    """
    if precision == "exact":
        return network
    network = copy.deepcopy(network).eval().requires_grad_(False)
    for module in list(network.modules()):
        _fold_own_norm(module)
        for before, convolution, after, norm in _pairs(module):
            setattr(before, convolution, fuse_conv_bn_eval(getattr(before, convolution), norm))
            setattr(module, after, nn.Identity())
    if precision == "bfloat16":
        for module in network.modules():
            if isinstance(module, WITH_WEIGHTS):
                module.to(torch.bfloat16)
                _widen_narrow_maps(module)
        for name, module in network.named_modules():
            if name in HANDED_OVER:
                module.register_forward_hook(lambda part, inputs, found: _to_float32(found))
    return network.to(memory_format=torch.channels_last)


def autocast(precision: str, device: torch.device) -> AbstractContextManager:
    """Return the context in which a network made by `in_precision` is to be called."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def _fold_own_norm(module: nn.Module) -> None:
    """Fold a norm with fixed statistics into the convolution that owns it, in both engines."""
    norm: Any = getattr(module, "norm", None)
    if not isinstance(module, nn.Conv2d) or not hasattr(norm, "running_mean"):
        return
    statistics = norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    module.weight, module.bias = fuse_conv_bn_weights(module.weight, module.bias, *statistics)
    module.register_module("norm", None)


def _widen_narrow_maps(module: nn.Module) -> None:
    """Have a convolution compute a result that is one column wide as two, and keep the first.

    oneDNN 3.12 fills such a column with what was in memory if a 3x3 convolution of stride 2
    computes in bfloat16 on a processor that multiplies matrices (AMX). Columns of zeros on the
    right change nothing: to the left of them the padding was zero already.
    """
    if not isinstance(module, nn.Conv2d) or module.stride[1] == 1:
        return
    if module.kernel_size[1] == 1 or module.padding[1] != module.kernel_size[1] // 2:
        return
    convolve, wide_enough = module.forward, module.stride[1] + 1

    def forward(x: torch.Tensor) -> torch.Tensor:
        if (missing := wide_enough - x.shape[-1]) <= 0:
            return convolve(x)
        return convolve(F.pad(x, (0, missing)))[..., :1]

    module.forward = forward  # type: ignore[assignment]


def _pairs(module: nn.Module) -> Iterator[tuple[nn.Module, str, str, nn.BatchNorm2d]]:
    """Yield where a module applies a batch norm right behind a convolution.

    Seen are neighbours in a sequence, and `conv1` with `bn1` and so on, as ResNets have them. Each
    comes as the owner and the name of the convolution, then the name of the norm, and the norm.
    """
    candidates: Iterable[tuple[str, str]]
    if isinstance(module, nn.Sequential):
        names = list(module._modules)
        candidates = zip(names, names[1:])
    else:
        candidates = [(f"conv{number}", f"bn{number}") for number in (1, 2, 3)]
    for before, after in candidates:
        owner, norm = module, getattr(module, after, None)
        if isinstance(stem := getattr(module, before, None), nn.Sequential) and len(stem):
            owner, before = stem, list(stem._modules)[-1]
        if isinstance(getattr(owner, before, None), nn.Conv2d) and type(norm) is nn.BatchNorm2d:
            yield owner, before, after, norm


def _to_float32(found: Any) -> Any:
    if isinstance(found, dict):
        return {name: _to_float32(value) for name, value in found.items()}
    if isinstance(found, list | tuple):
        return type(found)(_to_float32(value) for value in found)
    return found.float()
