"""Mask R-CNN as a whole, and its detections in the resolution of the photograph."""

import numpy as np
import torch
from fvcore.common.config import CfgNode
from torch import nn
from torch.nn import functional as F
from torchvision.ops import clip_boxes_to_image

from scratch_d2.engines.embedded.backbone import FPN, SIZE_DIVISIBILITY
from scratch_d2.engines.embedded.boxes import Size, Target, image_size, nonempty
from scratch_d2.engines.embedded.roi_heads import Found, RoIHeads
from scratch_d2.engines.embedded.rpn import RPN, Losses
from scratch_d2.structures.masks import encode_rle
from scratch_d2.structures.pasting import MASK_THRESHOLD
from scratch_d2.structures.prediction import Prediction

# Width in px of the narrowest batch that a processor trains on in mixed precision: with less,
# convolutions in bfloat16 may be wrong (`scratch_d2.checkpoints.precision`).
NARROWEST = 2 * SIZE_DIVISIBILITY


class MaskRCNN(nn.Module):
    """What Detectron2 calls GeneralizedRCNN, for the config keys that settings.py lets pass."""

    pixel_mean: torch.Tensor
    pixel_std: torch.Tensor

    def __init__(self, cfg: CfgNode) -> None:
        super().__init__()
        self.backbone = FPN(cfg)
        self.proposal_generator = RPN(cfg)
        self.roi_heads = RoIHeads(cfg)
        for name in ("PIXEL_MEAN", "PIXEL_STD"):
            value = torch.tensor(list(cfg.MODEL[name]), dtype=torch.float32)[:, None, None]
            self.register_buffer(name.lower(), value, persistent=False)

    def forward(self, images: list[torch.Tensor], targets: list[Target]) -> Losses:
        """Return the losses of a batch in training mode.

        Args:
            images: [3, H, W] each, 0..255, channels in the order of INPUT.FORMAT.
            targets: what the images hold; an image without scratches has none.
        """
        targets = [target.to(self.pixel_mean.device) for target in targets]
        features, sizes = self._features(images)
        proposals, losses = self.proposal_generator(features, sizes, targets)
        return {**self.roi_heads.losses(features, proposals, targets), **losses}

    def detect(self, images: list[torch.Tensor]) -> list[Found]:
        """Return the detections of a batch in evaluation mode; images as in `forward`."""
        features, sizes = self._features(images)
        proposals, _ = self.proposal_generator(features, sizes)
        return self.roi_heads.detect(features, proposals, sizes)

    def _features(self, images: list[torch.Tensor]) -> tuple[dict[str, torch.Tensor], list[Size]]:
        """Normalise the images and run the backbone on them."""
        device = self.pixel_mean.device
        normalised = [(image.to(device) - self.pixel_mean) / self.pixel_std for image in images]
        mixed = device.type == "cpu" and torch.is_autocast_enabled("cpu")
        inputs = pad_images(normalised, NARROWEST if self.training and mixed else 0)
        return self.backbone(inputs), [image_size(image) for image in normalised]


def pad_images(images: list[torch.Tensor], narrowest: int = 0) -> torch.Tensor:
    """Put [C, H, W] images at the top left of one [N, C, H', W'] batch of zeros.

    Args:
        narrowest: least W', a multiple of SIZE_DIVISIBILITY.
    """
    step = SIZE_DIVISIBILITY
    largest = (max(image.shape[side] for image in images) for side in (-2, -1))
    height, width = ((side + step - 1) // step * step for side in largest)
    width = max(width, narrowest)
    padded = [
        F.pad(image, (0, width - image.shape[-1], 0, height - image.shape[-2])) for image in images
    ]
    return torch.stack(padded)


def to_prediction(found: Found, seen: Size, size: Size) -> Prediction:
    """Scale detections from the size the network saw to the size of the photograph.

    Boxes that are empty there are dropped.
    """
    boxes, masks = found.boxes.float().cpu(), found.masks.float().cpu()
    scale_x, scale_y = size[1] / seen[1], size[0] / seen[0]
    boxes = clip_boxes_to_image(boxes * boxes.new_tensor([scale_x, scale_y] * 2), size)
    keep = nonempty(boxes)
    boxes, masks = boxes[keep], masks[keep]
    rles = [encode_rle(paste_mask(mask, box, size)) for mask, box in zip(masks, boxes)]
    scores = found.scores.float().cpu()[keep].numpy()
    return Prediction(size[0], size[1], boxes.numpy(), scores, rles)


def paste_mask(mask: torch.Tensor, box: torch.Tensor, size: Size) -> np.ndarray:
    """Paint an [S, S] mask of probabilities into its box; returns HxW bool.

    Every pixel centre takes the bilinear value of the mask at its place in the box; outside,
    the mask is 0, and it fades towards that over half a cell. `scratch_d2.structures.pasting` does
    the same without torch.
    """
    height, width = size
    canvas = np.zeros(size, dtype=bool)
    left, top = (box[:2].floor() - 1).clamp(min=0).int().tolist()
    right = min(int(box[2].ceil()) + 1, width)
    bottom = min(int(box[3].ceil()) + 1, height)
    x = (torch.arange(left, right, dtype=torch.float32) + 0.5 - box[0]) / (box[2] - box[0]) * 2 - 1
    y = (torch.arange(top, bottom, dtype=torch.float32) + 0.5 - box[1]) / (box[3] - box[1]) * 2 - 1
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
    values = F.grid_sample(mask[None, None], grid[None], align_corners=False)[0, 0]
    canvas[top:bottom, left:right] = (values >= MASK_THRESHOLD).numpy()
    return canvas
