"""The gate's network: any convolutional one of timm, judging an image place by place.

A verdict on the whole lets a network learn whatever else sets Bad images apart, and from an average
over the image it learns that most easily. What it learns place by place holds on other photographs.
"""

from collections.abc import Sequence
from difflib import get_close_matches

import timm
import torch
from torch import nn
from torch.nn import functional as F

# Strides of the features that are judged beside the last ones; finer places see finer scratches.
STRIDES = (8, 16)
# A place counts as scratched where the mask, shrunk with its image, is at least this strong ...
SCRATCHED = 0.3 * 255
# ... and as much more than one that is not, since few are.
SCRATCH_WEIGHT = 2.0
# Of the four stages, before the expansion of bottleneck blocks (He et al. 2016).
RESNET_CHANNELS = (64, 128, 256, 512)


class GateNetwork(nn.Module):
    """A network of timm whose features are judged at every place, coarse and fine.

    Attributes:
        trunk: the network as timm makes it, with one logit.
        heads: what judges its finer features; the last ones are judged by its own head.
    """

    def __init__(self, name: str, pretrained: bool = False, width: float = 1.0) -> None:
        """Build a network by its name in timm; downloads nothing unless `pretrained`.

        Args:
            width: share of the channels that the stages of a ResNet have.

        Raises ValueError for a name that timm does not know, a network without places, or a width
        that it cannot have, OSError where weights cannot be downloaded.
        """
        super().__init__()
        self.trunk = _create_trunk(name, pretrained, width)
        levels = [level["reduction"] for level in self.trunk.feature_info]
        self.levels = [levels.index(stride) for stride in STRIDES if stride in levels[:-1]]
        if levels[-1:] != [32]:
            raise ValueError(
                f"GATE.MODEL {name!r} has no places: its features have strides {levels}; accepted "
                "are convolutional networks that end at stride 32, such as 'resnet50'"
            )
        channels = [self.trunk.feature_info[level]["num_chs"] for level in self.levels]
        self.heads = nn.ModuleList(nn.Conv2d(width, 1, kernel_size=1) for width in channels)
        for head in self.heads:
            nn.init.constant_(head.bias, -3.0)

    def forward(self, inputs: torch.Tensor) -> list[torch.Tensor]:
        """Return maps of logits [N, h, w], coarse to fine places, of normalised [N, 3, H, W]."""
        final, features = self.trunk.forward_intermediates(inputs, indices=self.levels)
        finer = [head(level)[:, 0] for head, level in zip(self.heads, features, strict=True)]
        return [judge_places(self.trunk, final), *finer]


def judge_places(trunk: nn.Module, features: torch.Tensor) -> torch.Tensor:
    """Apply a network's own head to each place as if it were the whole image.

    Args:
        trunk: a network of timm with one logit.
        features: what its `forward_features` returns, [N, C, h, w].

    Returns logits [N, h, w].
    """
    count, channels, height, width = features.shape
    places = features.permute(0, 2, 3, 1).reshape(-1, channels, 1, 1)
    return trunk.forward_head(places)[:, 0].view(count, height, width)


def worst_places(maps: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return logits [N] of whole images: that of the worst place, mean over the maps [N, h, w]."""
    return torch.stack([found.float().flatten(1).amax(dim=1) for found in maps]).mean(dim=0)


def place_loss(
    maps: Sequence[torch.Tensor], masks: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Return the cross entropy of saying at which places there are scratches, mean over maps.

    Bad images on which no scratch is marked are left out: where theirs are is not known.

    Args:
        maps: logits [N, h, w] each.
        masks: [N, 1, H, W] uint8, 255 on scratches.
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


def _create_trunk(name: str, pretrained: bool, width: float) -> nn.Module:
    # Names like "hf-hub:..." would be fetched from the network even without `pretrained`.
    if not timm.is_model(name):
        guesses = get_close_matches(name, timm.list_models(), n=3)
        hint = f"; did you mean {' or '.join(guesses)}?" if guesses else ""
        raise ValueError(f"GATE.MODEL {name!r} is no model of timm {timm.__version__}{hint}")
    if width != 1:
        return _create_narrow(name, pretrained, width)
    if not pretrained:
        return timm.create_model(name, num_classes=1)
    try:
        return timm.create_model(name, num_classes=1, pretrained=True)
    # Downloads fail with the errors of several HTTP libraries, which share no base class.
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise OSError(
            f"pretrained weights of {name!r} could not be fetched ({reason}); set GATE.PRETRAINED "
            "False to start from random weights, or HF_HOME to a cache that holds them"
        ) from None


def _create_narrow(name: str, pretrained: bool, width: float) -> nn.Module:
    if pretrained:
        raise ValueError(
            f"GATE.WIDTH is {width:g}, but pretrained weights are of width 1; set GATE.WIDTH 1 or "
            "GATE.PRETRAINED False"
        )
    channels = tuple(max(1, round(width * stage)) for stage in RESNET_CHANNELS)
    try:
        return timm.create_model(name, num_classes=1, channels=channels)
    except TypeError:
        raise ValueError(
            f"GATE.WIDTH is {width:g}, which {name!r} does not know; accepted is 1, and any width "
            "for ResNets such as 'resnet50'"
        ) from None
