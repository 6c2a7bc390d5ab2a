"""A network whose numbers overflow finds nothing, and nothing found means Good: refuse it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

# Heads that either engine calls so, Cascade R-CNN with a number each. Detectron2 drops what is not
# finite behind them.
HEADS = re.compile(
    r"proposal_generator\.rpn_head|roi_heads\.box_predictor(\.\d+)?|roi_heads\.mask_head\.predictor"
)


def refuse_not_finite(model: nn.Module) -> list[RemovableHandle]:
    """Make a detector raise FloatingPointError if a head returns NaN or infinity in evaluation.

    Returns handles whose `remove` ends it; none for heads that are checked already.
    """
    heads = [
        (name, part)
        for name, part in model.named_modules()
        if HEADS.fullmatch(name.removeprefix("module."))
    ]
    return [part.register_forward_hook(_Check(name)) for name, part in heads if not _checked(part)]


def _checked(head: nn.Module) -> bool:
    return any(isinstance(hook, _Check) for hook in head._forward_hooks.values())


@dataclass(frozen=True)
class _Check:
    name: str

    def __call__(self, head: nn.Module, _: Any, output: Any) -> None:
        if not head.training and not all(bool(t.isfinite().all()) for t in flat_tensors(output)):
            raise FloatingPointError(
                f"{self.name} returns values that are no finite numbers (NaN or infinity) for an "
                "image; the weights are damaged, or their training failed"
            )


def flat_tensors(output: Any) -> Iterator[torch.Tensor]:
    """Yield the tensors of what a head returns: one, or lists and tuples of them."""
    if isinstance(output, torch.Tensor):
        yield output
    elif isinstance(output, (list, tuple)):
        for item in output:
            yield from flat_tensors(item)
