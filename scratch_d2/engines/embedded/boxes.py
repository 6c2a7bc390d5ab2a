"""Boxes as [N, 4] float tensors, XYXY in pixels: deltas, overlap, matching, sampling, pooling."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torchvision.ops import roi_align

from scratch_d2.structures.resizing import Size

# A predicted side grows at most from 16 to 1000 px, Detectron2's bound against overflow of exp.
SCALE_CLAMP = math.log(1000.0 / 16)


class Target(NamedTuple):
    """The scratches of one training image, at the size the network sees.

    Attributes:
        boxes: [M, 4] float32, XYXY in pixels.
        masks: [M, H, W] bool.
    """

    boxes: torch.Tensor
    masks: torch.Tensor

    def to(self, device: torch.device) -> "Target":
        """Return the target on a device."""
        return Target(self.boxes.to(device), self.masks.to(device))


def image_size(image: torch.Tensor) -> Size:
    """Return height and width of a tensor whose last two axes they are."""
    return image.shape[-2], image.shape[-1]


def at_most(limit: int, rows: torch.Tensor) -> int:
    """Return how many rows a tensor has, or `limit` if it has more.

    While the model is traced it is a tensor, which the trace follows where it would keep an int.
    """
    count: Any = rows.shape[0]
    if torch.jit.is_tracing():
        count = torch.minimum(count, torch.tensor(limit))
        return count
    return min(limit, count)


def encode_deltas(
    boxes: torch.Tensor, targets: torch.Tensor, weights: Sequence[float]
) -> torch.Tensor:
    """Return the [N, 4] deltas that turn boxes into targets (Girshick et al. 2014, appendix C)."""
    sizes, wanted = boxes[:, 2:] - boxes[:, :2], targets[:, 2:] - targets[:, :2]
    centres, aims = boxes[:, :2] + 0.5 * sizes, targets[:, :2] + 0.5 * wanted
    scale = boxes.new_tensor(weights)
    shift = scale[:2] * (aims - centres) / sizes
    return torch.cat([shift, scale[2:] * torch.log(wanted / sizes)], dim=1)


def decode_deltas(
    deltas: torch.Tensor, boxes: torch.Tensor, weights: Sequence[float]
) -> torch.Tensor:
    """Apply [N, 4] deltas to boxes, in float32; the inverse of `encode_deltas`."""
    deltas, boxes = deltas.float(), boxes.float()
    sizes = boxes[:, 2:] - boxes[:, :2]
    centres = boxes[:, :2] + 0.5 * sizes
    deltas = deltas / deltas.new_tensor(weights)
    centres = deltas[:, :2] * sizes + centres
    sizes = torch.exp(deltas[:, 2:].clamp(max=SCALE_CLAMP)) * sizes
    return torch.cat([centres - 0.5 * sizes, centres + 0.5 * sizes], dim=1)


def pairwise_iou(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the [N, M] intersection over union; 0, not NaN, where boxes are empty."""
    corners_low = torch.max(first[:, None, :2], second[:, :2])
    corners_high = torch.min(first[:, None, 2:], second[:, 2:])
    overlap = (corners_high - corners_low).clamp(min=0).prod(dim=2)
    union = box_area(first)[:, None] + box_area(second) - overlap
    return torch.where(overlap > 0, overlap / union, overlap.new_zeros(1))


def box_area(boxes: torch.Tensor) -> torch.Tensor:
    """Return the [N] areas in square pixels."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def nonempty(boxes: torch.Tensor, side: float = 0.0) -> torch.Tensor:
    """Return [N] bool: both sides are longer than `side` pixels."""
    return ((boxes[:, 2:] - boxes[:, :2]) > side).all(dim=1)


def match(
    iou: torch.Tensor,
    thresholds: Sequence[float],
    labels: Sequence[int],
    every_target: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Match each of N boxes to one of M targets by their [M, N] overlap.

    Args:
        thresholds: ascending bounds between the intervals of overlap; a bound itself belongs to
            the upper interval.
        labels: one label per interval: 1 positive, 0 negative, -1 ignored.
        every_target: make the boxes that overlap a target most positive, however little they do
            (Ren et al. 2015, section 3.1.2, case i).

    Returns:
        index of the target, [N] int64, and label, [N] int64. Without targets all boxes have the
        label of the lowest interval.
    """
    count = iou.shape[1]
    if iou.numel() == 0:
        index = torch.zeros(count, dtype=torch.int64, device=iou.device)
        return index, torch.full_like(index, labels[0])
    best, index = iou.max(dim=0)
    bounds = iou.new_tensor(thresholds)
    choices = torch.tensor(list(labels), device=iou.device)
    label = choices[torch.bucketize(best, bounds, right=True)]
    if every_target:
        highest = iou.max(dim=1, keepdim=True).values
        label[(iou == highest).any(dim=0)] = 1
    return index, label


def sample(
    positive: torch.Tensor, negative: torch.Tensor, count: int, fraction: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw at most `count` indices, at most `fraction` of them positive, from two [N] bool masks.

    Negatives fill what positives leave. The draws come in Detectron2's order, so that one seed
    gives one sample in both engines.
    """
    positive, negative = positive.nonzero()[:, 0], negative.nonzero()[:, 0]
    positives = min(len(positive), int(count * fraction))
    negatives = min(len(negative), count - positives)
    first = torch.randperm(len(positive), device=positive.device)[:positives]
    second = torch.randperm(len(negative), device=negative.device)[:negatives]
    return positive[first], negative[second]


def pool_regions(
    features: list[torch.Tensor],
    boxes: list[torch.Tensor],
    lowest: int,
    resolution: int,
    sampling: int,
) -> torch.Tensor:
    """Pool each box from the pyramid level that fits its size.

    The level is floor(4 + log2(sqrt(area) / 224)) (Lin et al. 2017, equation 1), within bounds.

    Args:
        features: one [N, C, H, W] per level; neighbours differ by a factor of 2.
        boxes: one [K, 4] per image.
        lowest: the level of the first feature; its stride is 2 ** lowest.
        resolution: side of the result.
        sampling: samples per bin and side; 0 takes as many as the bin has pixels.

    Returns:
        [sum of K, C, resolution, resolution], in the order of the boxes.
    """
    owners = [box.new_full((box.shape[0], 1), image) for image, box in enumerate(boxes)]
    rois = torch.cat([torch.cat(owners), torch.cat(boxes)], dim=1)
    sides = torch.sqrt(box_area(rois[:, 1:]))
    levels = torch.floor(4 + torch.log2(sides / 224 + 1e-8))
    levels = levels.clamp(lowest, lowest + len(features) - 1).long() - lowest
    shape = (rois.shape[0], features[0].shape[1], resolution, resolution)
    pooled = features[0].new_zeros(shape)
    for level, feature in enumerate(features):
        chosen = (levels == level).nonzero()[:, 0]
        scale = 0.5 ** (lowest + level)
        values = roi_align(
            feature, rois[chosen].to(feature.dtype), resolution, scale, sampling, aligned=True
        )
        pooled.index_put_((chosen,), values.to(pooled.dtype))
    return pooled
