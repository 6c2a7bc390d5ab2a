"""Region proposal network (Ren et al. 2015) on a feature pyramid."""

import math
from collections.abc import Sequence

import torch
from fvcore.common.config import CfgNode
from fvcore.nn import smooth_l1_loss
from torch import nn
from torch.nn import functional as F
from torchvision.ops import batched_nms

from scratch_d2.engines.embedded.boxes import (
    Size,
    Target,
    at_most,
    clip_boxes,
    decode_deltas,
    encode_deltas,
    image_size,
    match,
    nonempty,
    pad_boxes,
    sample,
)
from scratch_d2.engines.embedded.layers import Conv2d

Losses = dict[str, torch.Tensor]


def cell_anchors(sizes: Sequence[float], ratios: Sequence[float]) -> torch.Tensor:
    """Return the [len(sizes) * len(ratios), 4] anchors around the origin, in pixels, unrounded.

    A size is the square root of the area, a ratio is height / width.
    """
    anchors = []
    for size in sizes:
        for ratio in ratios:
            width = math.sqrt(size**2.0 / ratio)
            height = ratio * width
            anchors.append([-width / 2.0, -height / 2.0, width / 2.0, height / 2.0])
    return torch.tensor(anchors)


def grid_anchors(cell: torch.Tensor, grid: Size, stride: int, offset: float) -> torch.Tensor:
    """Return the [H * W * A, 4] anchors of a level, A of them at every place of an HxW grid.

    Args:
        offset: where the first place lies, as a fraction of the stride.
    """
    shifts = [
        torch.arange(offset * stride, side * stride, step=stride, device=cell.device)
        for side in grid
    ]
    y, x = torch.meshgrid(*(shift.to(cell.dtype) for shift in shifts), indexing="ij")
    places = torch.stack([x, y, x, y], dim=-1).reshape(-1, 1, 4)
    return (places + cell).reshape(-1, 4)


class RPNHead(nn.Module):
    """Convolutions shared by all levels, then objectness and deltas of every anchor."""

    def __init__(self, channels: int, anchors: int, widths: Sequence[int]) -> None:
        super().__init__()
        convolutions = []
        for width in widths:
            width = channels if width == -1 else width
            convolutions.append(Conv2d(channels, width, 3, relu=True))
            channels = width
        self.conv: nn.Module = convolutions[0]
        if len(convolutions) > 1:
            named = {f"conv{index}": conv for index, conv in enumerate(convolutions)}
            self.conv = nn.Sequential()
            for name, conv in named.items():
                self.conv.add_module(name, conv)
        self.objectness_logits = nn.Conv2d(channels, anchors, kernel_size=1)
        self.anchor_deltas = nn.Conv2d(channels, anchors * 4, kernel_size=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.01)
                nn.init.zeros_(module.get_parameter("bias"))

    def forward(self, features: list[torch.Tensor]) -> tuple[list[torch.Tensor], ...]:
        """Return per level the [N, H * W * A] logits and the [N, H * W * A, 4] deltas."""
        logits, deltas = [], []
        for feature in features:
            hidden = self.conv(feature)
            logits.append(self.objectness_logits(hidden).permute(0, 2, 3, 1).flatten(1))
            raw = self.anchor_deltas(hidden)
            count, _, height, width = raw.shape
            raw = raw.view(count, -1, 4, height, width).permute(0, 3, 4, 1, 2)
            deltas.append(raw.flatten(1, -2))
        return logits, deltas


class RPN(nn.Module):
    """Propose boxes that may hold a scratch, and learn to."""

    def __init__(self, cfg: CfgNode) -> None:
        super().__init__()
        self.cfg, self.min_size = cfg.MODEL.RPN, cfg.MODEL.PROPOSAL_GENERATOR.MIN_SIZE
        self.nms = batched_nms
        node, levels = cfg.MODEL.ANCHOR_GENERATOR, len(self.cfg.IN_FEATURES)
        self.strides = [2 ** int(name[1]) for name in self.cfg.IN_FEATURES]
        self.offset = node.OFFSET
        sizes, ratios = (
            list(v) * (levels if len(v) == 1 else 1) for v in (node.SIZES, node.ASPECT_RATIOS)
        )
        cells = [cell_anchors(*pair) for pair in zip(sizes, ratios)]
        for index, cell in enumerate(cells):
            self.register_buffer(f"cell_anchors{index}", cell, persistent=False)
        self.rpn_head = RPNHead(cfg.MODEL.FPN.OUT_CHANNELS, len(cells[0]), self.cfg.CONV_DIMS)

    def anchors(self, features: list[torch.Tensor]) -> list[torch.Tensor]:
        """Return the [H * W * A, 4] anchors of every level, in pixels of the padded image."""
        return [
            grid_anchors(
                getattr(self, f"cell_anchors{index}"), image_size(feature), stride, self.offset
            )
            for index, (feature, stride) in enumerate(zip(features, self.strides))
        ]

    def forward(
        self,
        features: dict[str, torch.Tensor],
        sizes: list[Size],
        targets: list[Target] | None = None,
    ) -> tuple[list[torch.Tensor], Losses]:
        """Return one [P, 4] tensor of proposals per image, best first, and in training the losses.

        Args:
            sizes: height and width of every image without padding.
        """
        levels = [features[name] for name in self.cfg.IN_FEATURES]
        anchors = self.anchors(levels)
        logits, deltas = self.rpn_head(levels)
        losses = {} if targets is None else self._losses(anchors, logits, deltas, targets, sizes)
        with torch.no_grad():
            return self._propose(anchors, logits, deltas, sizes), losses

    def _losses(
        self,
        anchors: list[torch.Tensor],
        logits: list[torch.Tensor],
        deltas: list[torch.Tensor],
        targets: list[Target],
        sizes: list[Size],
    ) -> Losses:
        """Binary cross entropy and smooth L1, both over the anchors drawn from all images."""
        cfg, weights = self.cfg, self.cfg.BBOX_REG_WEIGHTS
        boxes, scores, pred_deltas = torch.cat(anchors), torch.cat(logits, 1), torch.cat(deltas, 1)
        gt_boxes = [target.boxes for target in targets]
        label, index = self._sample(boxes, gt_boxes, sizes)
        image, anchor = (label == 1).nonzero(as_tuple=True)
        # Without any target there is nothing positive to look up.
        padded = pad_boxes(gt_boxes)[0]
        matched = padded[image, index[image, anchor]] if len(image) else boxes[:0]
        gt_deltas = encode_deltas(boxes[anchor], matched, weights)
        drawn, beta = label >= 0, cfg.SMOOTH_L1_BETA
        cls = F.binary_cross_entropy_with_logits(
            scores[drawn], label[drawn].to(scores.dtype), reduction="sum"
        )
        loc = smooth_l1_loss(pred_deltas[image, anchor], gt_deltas, beta, reduction="sum")
        count = cfg.BATCH_SIZE_PER_IMAGE * len(targets)
        return {
            "loss_rpn_cls": cls / count * cfg.LOSS_WEIGHT,
            "loss_rpn_loc": loc / count * (cfg.BBOX_REG_LOSS_WEIGHT * cfg.LOSS_WEIGHT),
        }

    @torch.no_grad()
    def _sample(
        self, anchors: torch.Tensor, targets: list[torch.Tensor], sizes: list[Size]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return per image the label of every anchor, 1, 0 or -1 for not drawn, and its target."""
        cfg = self.cfg
        index, label = match(anchors, targets, cfg.IOU_THRESHOLDS, cfg.IOU_LABELS, True)
        margin = cfg.BOUNDARY_THRESH
        if margin >= 0:
            limits = anchors.new_tensor(sizes).flip(1)[:, None] + margin
            inside = (anchors[:, :2] >= -margin).all(1) & (anchors[:, 2:] < limits).all(2)
            label = torch.where(inside, label, -1)
        image, place, _ = sample(label, cfg.BATCH_SIZE_PER_IMAGE, cfg.POSITIVE_FRACTION)
        drawn = torch.full_like(label, -1)
        drawn[image, place] = label[image, place]
        return drawn, index

    def _propose(
        self,
        anchors: list[torch.Tensor],
        logits: list[torch.Tensor],
        deltas: list[torch.Tensor],
        sizes: list[Size],
    ) -> list[torch.Tensor]:
        """Decode the best anchors of each level and suppress doubles within the level."""
        cfg, training = self.cfg, self.training
        before = cfg.PRE_NMS_TOPK_TRAIN if training else cfg.PRE_NMS_TOPK_TEST
        after = cfg.POST_NMS_TOPK_TRAIN if training else cfg.POST_NMS_TOPK_TEST
        boxes, scores, levels = [], [], []
        for number, anchor in enumerate(anchors):
            score, best = logits[number].topk(at_most(before, anchor), dim=1)
            delta = deltas[number].gather(1, best[:, :, None].expand(-1, -1, 4))
            decoded = decode_deltas(
                delta.flatten(0, 1), anchor[best].flatten(0, 1), cfg.BBOX_REG_WEIGHTS
            )
            boxes.append(decoded.view(*best.shape, 4))
            scores.append(score.float())
            levels.append(torch.full_like(best[0], number))
        level = torch.cat(levels)
        box, score = torch.cat(boxes, 1), torch.cat(scores, 1)
        # A diverging network shows in the losses, which name the iteration.
        sound = torch.isfinite(box).all(dim=2) & torch.isfinite(score)
        box = clip_boxes(box, sizes)
        sound = sound & nonempty(box, self.min_size)
        return [self._suppress(*image, level)[:after] for image in zip(box, score, sound)]

    def _suppress(
        self, box: torch.Tensor, score: torch.Tensor, sound: torch.Tensor, level: torch.Tensor
    ) -> torch.Tensor:
        """Return the [P, 4] sound boxes of an image that no better one of their level overlaps."""
        rows = sound.nonzero()[:, 0]
        box = box[rows]
        return box[self.nms(box, score[rows], level[rows], self.cfg.NMS_THRESH)]
