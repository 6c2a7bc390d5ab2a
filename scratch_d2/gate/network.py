"""The gate's network: a convolutional network of timm that judges an image patch by patch.

This is multiple instance learning: the label is known for the image, the network judges each patch,
and the logit of the image is that of its worst patch. A network that judges the average over the
image learns whatever else Bad images of the training set have in common; one that judges patches
generalises to other photographs.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from scratch_d2.gate.preprocess import STRIDE
from scratch_d2.utils.quiet_imports import quiet_imports

with quiet_imports():
    import timm

# Strides of the features that are judged besides the last ones; small patches see fine scratches.
STRIDES = (8, 16)
# Of the features that tell surfaces apart.
SURFACE_STRIDE = 16
# A patch is scratched if the mask, scaled like the image, is stronger than this in it (0..255).
SCRATCHED = 0.3 * 255
# Weight of scratched patches in the loss; they are rare.
SCRATCH_WEIGHT = 2.0
# Channels of the four stages, before the expansion of bottleneck blocks (He et al. 2016).
RESNET_CHANNELS = (64, 128, 256, 512)


class GateNetwork(nn.Module):
    """A network of timm that gives a logit for each patch, at several strides.

    Attributes:
        trunk: the network as timm makes it, with one logit; its own head judges the last features.
        heads: 1x1 convolutions that judge the finer features.
        strides: px, of the finer features.
        channels: of all features, by their stride.
    """

    trunk: Any  # timm brings no types

    def __init__(self, name: str, pretrained: bool = False, width: float = 1.0) -> None:
        """Build a network by its name in timm; downloads nothing unless `pretrained`.

        Args:
            width: share of its channels that each stage of a ResNet keeps.

        Raises ValueError for a name that timm does not know, a network without feature maps, or a
        width that it cannot have, OSError if weights cannot be downloaded.
        """
        super().__init__()
        self.trunk = _create_trunk(name, pretrained, width)
        levels = [level["reduction"] for level in self.trunk.feature_info]
        self.strides = [stride for stride in STRIDES if stride in levels[:-1]]
        self.levels = [levels.index(stride) for stride in self.strides]
        if levels[-1:] != [STRIDE]:
            raise ValueError(
                f"GATE.MODEL {name!r} cannot judge patches: its features have strides {levels}; "
                "accepted are convolutional networks that end at stride 32, such as 'resnet50'"
            )
        self.channels = {
            stride: self.trunk.feature_info[level]["num_chs"]
            for stride, level in zip(self.strides, self.levels, strict=True)
        }
        self.heads = nn.ModuleList(nn.Conv2d(n, 1, kernel_size=1) for n in self.channels.values())
        self.channels[STRIDE] = self.trunk.num_features
        for head in self.heads:
            nn.init.constant_(head.get_parameter("bias"), -3.0)

    def forward(self, inputs: torch.Tensor) -> list[torch.Tensor]:
        """Return maps of patch logits [N, h, w] of normalised images [N, 3, H, W].

        The map of stride 32 comes first, then those of `STRIDES`.
        """
        return self.judge(*self.features(inputs))

    def features(self, inputs: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Return the trunk's last features [N, C, h, w] of images, and those of `levels`."""
        return self.trunk.forward_intermediates(inputs, indices=self.levels)

    @property
    def surface_stride(self) -> int:
        """The stride of the features that tell surfaces apart."""
        return SURFACE_STRIDE if SURFACE_STRIDE in self.strides else STRIDE

    def mean_features(
        self, final: torch.Tensor, features: list[torch.Tensor], stride: int
    ) -> torch.Tensor:
        """Return the mean over the patches, [N, C] float32, of what `features` returns."""
        levels = {STRIDE: final, **dict(zip(self.strides, features, strict=True))}
        return levels[stride].float().mean(dim=(2, 3))

    def judge(self, final: torch.Tensor, features: list[torch.Tensor]) -> list[torch.Tensor]:
        """Return the maps of `forward` for what `features` returns."""
        finer = [head(level)[:, 0] for head, level in zip(self.heads, features, strict=True)]
        return [patch_logits(self.trunk, final), *finer]


def patch_logits(trunk: Any, features: torch.Tensor) -> torch.Tensor:
    """Apply a network's own head to each patch as if it were the whole image.

    Args:
        trunk: a network of timm with one logit.
        features: the output of its `forward_features`, [N, C, h, w].

    Returns logits [N, h, w].
    """
    count, channels, height, width = features.shape
    patches = features.permute(0, 2, 3, 1).reshape(-1, channels, 1, 1)
    return trunk.forward_head(patches)[:, 0].view(count, height, width)


def max_pool_logits(maps: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return logits [N] of whole images: the mean over the maps [N, h, w] of their maxima."""
    return torch.stack([logits.float().flatten(1).amax(dim=1) for logits in maps]).mean(dim=0)


def patch_loss(
    maps: Sequence[torch.Tensor], masks: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Return the cross entropy between patch logits and masks, mean over the maps.

    Bad images without a marked scratch are left out: it is not known where theirs are.

    Args:
        maps: logits [N, h, w] each.
        masks: [N, 1, H, W] uint8, 255 on scratches.
        labels: [N], 1 is Bad.
    """
    known = (labels == 0) | (masks.amax(dim=(1, 2, 3)) > SCRATCHED)
    losses = [_map_loss(logits.float(), masks, known) for logits in maps]
    return torch.stack(losses).mean()


def _map_loss(logits: torch.Tensor, masks: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    strongest = F.adaptive_max_pool2d(masks.float(), logits.shape[-2:])[:, 0]
    weight = torch.tensor(SCRATCH_WEIGHT, device=logits.device)
    losses = F.binary_cross_entropy_with_logits(
        logits, (strongest > SCRATCHED).float(), pos_weight=weight, reduction="none"
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
