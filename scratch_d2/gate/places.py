"""Judge an image place by place, and teach the network where scratches are.

A verdict alone lets a network learn whatever else sets Bad images apart, and from the average over
an image it learns that most easily. What it learns place by place holds on other photographs.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

# Strides of the features that are asked where scratches are in training, beside the last ones.
STRIDES = (8, 16)
# A place counts as scratched where the mask, shrunk with its image, is at least this strong ...
SCRATCHED = 0.3 * 255
# ... and as much more than one that is not, since few are.
SCRATCH_WEIGHT = 2.0


def judge_places(model: nn.Module, features: torch.Tensor) -> torch.Tensor:
    """Apply a network's head to each place as if it were the whole image.

    Args:
        model: a network of timm with one logit.
        features: what its `forward_features` returned, [N, C, h, w].

    Returns:
        Logits [N, h, w]; the image is as Bad as its worst place.
    """
    count, channels, height, width = features.shape
    places = features.permute(0, 2, 3, 1).reshape(-1, channels, 1, 1)
    return model.forward_head(places)[:, 0].view(count, height, width)


class FinerMaps(nn.Module):
    """Maps of scratches read from finer features of the same pass; scoring does without them."""

    def __init__(self, model: nn.Module) -> None:
        """Attach to those features of a network of timm that have one of STRIDES."""
        super().__init__()
        levels = [level["reduction"] for level in model.feature_info]
        self.levels = [levels.index(stride) for stride in STRIDES if stride in levels[:-1]]
        channels = [model.feature_info[level]["num_chs"] for level in self.levels]
        self.heads = nn.ModuleList(nn.Conv2d(width, 1, kernel_size=1) for width in channels)
        for head in self.heads:
            nn.init.constant_(head.bias, -3.0)

    def forward(self, model: nn.Module, inputs: torch.Tensor) -> list[torch.Tensor]:
        """Return the logits [N, h, w] of the network's own places, then those of the finer maps."""
        final, features = model.forward_intermediates(inputs, indices=self.levels)
        finer = [head(level)[:, 0] for head, level in zip(self.heads, features, strict=True)]
        return [judge_places(model, final), *finer]


def place_loss(
    maps: Sequence[torch.Tensor], masks: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Return the cross entropy of saying at which places there are scratches, mean over maps.

    Bad images on which no scratch is marked are left out: where theirs are is not known.

    Args:
        maps: logits [N, h, w] each.
        masks: [N, 1, S, S] uint8, 255 on scratches.
        labels: [N], 1 is Bad.
    """
    known = (labels == 0) | (masks.amax(dim=(1, 2, 3)) > SCRATCHED)
    losses = [_one_map_loss(found.float(), masks, known) for found in maps]
    return torch.stack(losses).mean()


def _one_map_loss(found: torch.Tensor, masks: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    strongest = F.adaptive_max_pool2d(masks.float(), found.shape[-2:])[:, 0]
    weight = torch.tensor(SCRATCH_WEIGHT, device=found.device)
    losses = F.binary_cross_entropy_with_logits(
        found, (strongest > SCRATCHED).float(), pos_weight=weight, reduction="none"
    )
    return (losses.mean(dim=(1, 2)) * known).sum() / known.sum().clamp(min=1)
