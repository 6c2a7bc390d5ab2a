"""A second task for the gate in training: say where the scratches are, not only whether."""

import torch
from torch import nn
from torch.nn import functional as F

MIN_STRIDE = 8
# Scratches cover a few hundredths of an image; without this weight "nowhere" is nearly right.
SCRATCH_WEIGHT = 4.0


class ScratchMap(nn.Module):
    """Read from a network's features where scratches are; training only, scoring has no use of it.

    A verdict says little about what to look at: from some thousand images a network learns
    whatever else sets Bad ones apart. Asked for the scratches themselves, it learns sooner, and
    what it learns holds on other photographs.
    """

    def __init__(self, model: nn.Module, name: str) -> None:
        """Attach to a network of timm, at its finest features of stride 8 or more.

        Raises ValueError where the network does not give its features.
        """
        super().__init__()
        levels = list(getattr(model, "feature_info", None) or [])
        fit = [index for index, level in enumerate(levels) if level["reduction"] >= MIN_STRIDE]
        if not fit or not hasattr(model, "forward_intermediates"):
            raise ValueError(
                f"GATE.MODEL {name!r} does not give its features, which GATE.MASK_LOSS_WEIGHT "
                "needs; accepted are 0 for the weight, or another network such as 'resnet50'"
            )
        self.level = fit[0]
        self.project = nn.Conv2d(levels[self.level]["num_chs"], 1, kernel_size=1)
        nn.init.constant_(self.project.bias, -4.0)

    def forward(self, model: nn.Module, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the network's logits [N] and, from the same pass, the map's logits [N, h, w]."""
        final, features = model.forward_intermediates(inputs, indices=[self.level])
        return model.forward_head(final)[:, 0], self.project(features[0])[:, 0]


def map_loss(found: torch.Tensor, masks: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the cross entropy between a map and the share of scratch in each of its cells.

    Bad images on which no scratch is marked are left out: where theirs are is not known.

    Args:
        found: logits [N, h, w].
        masks: [N, 1, S, S] uint8, 255 on scratches.
        labels: [N], 1 is Bad.
    """
    share = F.adaptive_avg_pool2d(masks.float() / 255, found.shape[-2:])[:, 0]
    known = (labels == 0) | (share.amax(dim=(1, 2)) > 0)
    weight = torch.tensor(SCRATCH_WEIGHT, device=found.device)
    losses = F.binary_cross_entropy_with_logits(found, share, pos_weight=weight, reduction="none")
    return (losses.mean(dim=(1, 2)) * known).sum() / known.sum().clamp(min=1)
