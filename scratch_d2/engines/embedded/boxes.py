"""Boxes as [N, 4] float tensors, XYXY in pixels: deltas, overlap, matching, sampling, pooling."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torchvision.ops import clip_boxes_to_image, roi_align

from scratch_d2.structures.resizing import Size

# A predicted side grows at most from 16 to 1000 px, Detectron2's bound against overflow of exp.
SCALE_CLAMP = math.log(1000.0 / 16)
# Overlaps computed together: as many images at once as keep a tensor of them below 128 MB.
PAIRS_AT_ONCE = 2**25


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

    While the model is traced it is a tensor, which the trace follows; an int it would keep.
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


def pad_boxes(boxes: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Stack the [M, 4] boxes of N images; returns [N, M', 4], filled with 0, and [N, M'] bool.

    M' is the largest M. The second tensor says which boxes are real.
    """
    counts = [len(image) for image in boxes]
    flat = torch.cat(list(boxes))
    places = torch.arange(max(counts), device=flat.device)
    real = places < torch.tensor(counts, device=flat.device)[:, None]
    padded = flat.new_zeros((*real.shape, 4))
    padded[real] = flat
    return padded, real


def pairwise_iou(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the [..., N, M] intersection over union of [..., N, 4] and [..., M, 4] boxes.

    It is 0, not NaN, if boxes are empty.
    """
    a, b = first[..., :, None, :], second[..., None, :, :]
    width = torch.min(a[..., 2], b[..., 2]) - torch.max(a[..., 0], b[..., 0])
    height = torch.min(a[..., 3], b[..., 3]) - torch.max(a[..., 1], b[..., 1])
    overlap = width.clamp(min=0) * height.clamp(min=0)
    union = box_area(first)[..., :, None] + box_area(second)[..., None, :] - overlap
    return torch.where(overlap > 0, overlap / union, overlap.new_zeros(1))


def box_area(boxes: torch.Tensor) -> torch.Tensor:
    """Return the [...] areas of [..., 4] boxes in square pixels."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def clip_boxes(boxes: torch.Tensor, sizes: Sequence[Size]) -> torch.Tensor:
    """Clip the [N, A, 4] boxes of N images to the height and width of each."""
    if torch.jit.is_tracing():  # a trace follows sizes only through torchvision
        return torch.stack([clip_boxes_to_image(*image) for image in zip(boxes, sizes)])
    limits = boxes.new_tensor([(width, height) * 2 for height, width in sizes])
    return boxes.clamp(min=0).minimum(limits[:, None])


def nonempty(boxes: torch.Tensor, side: float = 0.0) -> torch.Tensor:
    """Return [...] bool for [..., 4] boxes: both sides are longer than `side` pixels."""
    return ((boxes[..., 2:] - boxes[..., :2]) > side).all(dim=-1)


def match(
    boxes: torch.Tensor,
    targets: Sequence[torch.Tensor],
    thresholds: Sequence[float],
    labels: Sequence[int],
    every_target: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Match the boxes of N images to the targets of their image.

    Args:
        boxes: [A, 4], the same for all images, or [N, A, 4].
        targets: [M, 4] per image.
        thresholds: ascending bounds between the intervals of overlap; a bound itself belongs to
            the upper interval.
        labels: one label per interval: 1 positive, 0 negative, -1 ignored.
        every_target: make the boxes that overlap a target most positive, however little they do
            (Ren et al. 2015, section 3.1.2, case i).

    Returns:
        index of the target, [N, A] int64, and label, [N, A] int64. If an image has no targets,
        all its boxes have the label of the lowest interval.
    """
    most = max([1, *map(len, targets)])
    step = max(1, PAIRS_AT_ONCE // (most * max(1, boxes.shape[-2])))
    parts = []
    for start in range(0, len(targets), step):
        some = boxes if boxes.dim() == 2 else boxes[start : start + step]
        matched = _match(some, targets[start : start + step], thresholds, labels, every_target)
        parts.append(matched)
    index, label = zip(*parts)
    return torch.cat(index), torch.cat(label)


def _match(
    boxes: torch.Tensor,
    targets: Sequence[torch.Tensor],
    thresholds: Sequence[float],
    labels: Sequence[int],
    every_target: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    wanted, real = pad_boxes(targets)
    if 0 in (wanted.shape[1], boxes.shape[-2]):
        index = torch.zeros((len(targets), boxes.shape[-2]), dtype=torch.int64, device=boxes.device)
        return index, torch.full_like(index, labels[0])
    iou = torch.where(real[:, :, None], pairwise_iou(wanted, boxes), -1.0)
    best, index = iou.max(dim=1)
    bounds, choices = iou.new_tensor(thresholds), torch.tensor(list(labels), device=iou.device)
    label = choices[torch.bucketize(best, bounds, right=True)]
    if every_target:
        highest = iou.max(dim=2, keepdim=True).values
        nearest = ((iou == highest) & real[:, :, None]).any(dim=1)
        label = torch.where(nearest, 1, label)
    return index, label


def sample(
    label: torch.Tensor, count: int, fraction: float
) -> tuple[torch.Tensor, torch.Tensor, list[int]]:
    """Draw at most `count` boxes per image, at most `fraction` of them positive.

    Negatives fill what positives leave. The draws come in Detectron2's order, so that one seed
    gives one sample in both engines.

    Args:
        label: [N, A]: 1 positive, 0 negative, anything else is never drawn.

    Returns:
        image and place of every box drawn, [D] int64 each, image after image and there positives
        first, and how many were drawn from each image.
    """
    positive, negative = label == 1, label == 0
    places = torch.cat([positive.nonzero(), negative.nonzero()])
    totals = torch.stack([positive.sum(dim=1), negative.sum(dim=1)])
    ends = totals.flatten().cumsum(dim=0).view_as(totals)
    chosen, drawn = [], []
    for positives, negatives in totals.T.tolist():
        some = min(positives, int(count * fraction))
        others = min(negatives, count - some)
        chosen.append(torch.randperm(positives, device=label.device)[:some])
        chosen.append(torch.randperm(negatives, device=label.device)[:others])
        drawn.append([some, others])
    starts = (ends - totals).T.flatten()
    numbers = torch.tensor(drawn, device=label.device).flatten()
    image, place = places[torch.cat(chosen) + starts.repeat_interleave(numbers)].unbind(dim=1)
    counts = [some + others for some, others in drawn]
    return image, place, counts


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
