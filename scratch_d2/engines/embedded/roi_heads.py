"""Second stage of Mask R-CNN (He et al. 2017): class, box and mask of every proposal.

There is one class: 0 is scratch, and 1, the last, is background, in Detectron2's order.
"""

from typing import NamedTuple

import torch
from fvcore.common.config import CfgNode
from fvcore.nn import smooth_l1_loss
from fvcore.nn.weight_init import c2_msra_fill, c2_xavier_fill
from torch import nn
from torch.nn import functional as F
from torchvision.ops import clip_boxes_to_image, nms, roi_align

from scratch_d2.engines.embedded.boxes import (
    Size,
    Target,
    decode_deltas,
    encode_deltas,
    match,
    pad_boxes,
    pool_regions,
    sample,
)
from scratch_d2.engines.embedded.layers import Conv2d
from scratch_d2.engines.embedded.rpn import Losses

SCRATCH, BACKGROUND = 0, 1


class Found(NamedTuple):
    """Detections of one image in pixels of the image the network saw.

    Attributes:
        boxes: [N, 4] float32.
        scores: [N] float32 in 0..1, descending.
        masks: [N, S, S] float32 probabilities inside the boxes.
    """

    boxes: torch.Tensor
    scores: torch.Tensor
    masks: torch.Tensor


class _Sampled(NamedTuple):
    """Proposals drawn from all images, image after image.

    Attributes:
        boxes: [R, 4] float32.
        labels: [R] int64, SCRATCH or BACKGROUND.
        image: [R] int64, the image of each.
        matched: [R] int64, its target there.
        gt_boxes: [R, 4] float32, the box of that target; its own if the image has none.
        counts: how many come from each image.
    """

    boxes: torch.Tensor
    labels: torch.Tensor
    image: torch.Tensor
    matched: torch.Tensor
    gt_boxes: torch.Tensor
    counts: list[int]


class BoxPredictor(nn.Module):
    """Class logits and box deltas from the features of a region."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cls_score = nn.Linear(width, 2)
        self.bbox_pred = nn.Linear(width, 4)
        nn.init.normal_(self.cls_score.weight, std=0.01)
        nn.init.normal_(self.bbox_pred.weight, std=0.001)
        nn.init.zeros_(self.cls_score.bias)
        nn.init.zeros_(self.bbox_pred.bias)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return [R, 2] logits and [R, 4] deltas of [R, D] features."""
        return self.cls_score(x), self.bbox_pred(x)


def add_convolutions(head: nn.Sequential, name: str, count: int, channels: int, width: int) -> int:
    """Append 3x3 convolutions with ReLU, called `name`1 and so on; return their channels."""
    for index in range(1, count + 1):
        head.add_module(f"{name}{index}", Conv2d(channels, width, 3, relu=True))
        c2_msra_fill(head[-1])
        channels = width
    return channels


def make_box_head(cfg: CfgNode) -> tuple[nn.Sequential, int]:
    """Return convolutions and fully connected layers, and the width of their result."""
    head_cfg, channels = cfg.MODEL.ROI_BOX_HEAD, cfg.MODEL.FPN.OUT_CHANNELS
    head = nn.Sequential()
    channels = add_convolutions(head, "conv", head_cfg.NUM_CONV, channels, head_cfg.CONV_DIM)
    head.add_module("flatten", nn.Flatten())
    width = channels * head_cfg.POOLER_RESOLUTION**2
    for index in range(1, head_cfg.NUM_FC + 1):
        head.add_module(f"fc{index}", nn.Linear(width, head_cfg.FC_DIM))
        c2_xavier_fill(head[-1])
        head.add_module(f"fc_relu{index}", nn.ReLU())
        width = head_cfg.FC_DIM
    return head, width


def make_mask_head(cfg: CfgNode) -> nn.Sequential:
    """Return convolutions, a deconvolution that doubles the side, and one logit per pixel."""
    head_cfg, channels = cfg.MODEL.ROI_MASK_HEAD, cfg.MODEL.FPN.OUT_CHANNELS
    head = nn.Sequential()
    channels = add_convolutions(head, "mask_fcn", head_cfg.NUM_CONV, channels, head_cfg.CONV_DIM)
    head.add_module("deconv", nn.ConvTranspose2d(channels, head_cfg.CONV_DIM, 2, stride=2))
    c2_msra_fill(head[-1])
    head.add_module("deconv_relu", nn.ReLU())
    head.add_module("predictor", nn.Conv2d(head_cfg.CONV_DIM, 1, kernel_size=1))
    nn.init.normal_(head[-1].get_parameter("weight"), std=0.001)
    nn.init.zeros_(head[-1].get_parameter("bias"))
    return head


class RoIHeads(nn.Module):
    """Classify, refine and segment proposals."""

    def __init__(self, cfg: CfgNode) -> None:
        super().__init__()
        self.cfg, self.box_cfg = cfg.MODEL.ROI_HEADS, cfg.MODEL.ROI_BOX_HEAD
        self.mask_cfg, self.limit = cfg.MODEL.ROI_MASK_HEAD, cfg.TEST.DETECTIONS_PER_IMAGE
        self.box_head, width = make_box_head(cfg)
        self.box_predictor = BoxPredictor(width)
        self.mask_head = make_mask_head(cfg)

    def _pool(
        self, features: dict[str, torch.Tensor], boxes: list[torch.Tensor], cfg: CfgNode
    ) -> torch.Tensor:
        names = self.cfg.IN_FEATURES
        levels = [features[name] for name in names]
        size, sampling = cfg.POOLER_RESOLUTION, cfg.POOLER_SAMPLING_RATIO
        return pool_regions(levels, boxes, int(names[0][1]), size, sampling)

    def losses(
        self,
        features: dict[str, torch.Tensor],
        proposals: list[torch.Tensor],
        targets: list[Target],
    ) -> Losses:
        """Return loss_cls, loss_box_reg and loss_mask over proposals drawn from every image."""
        drawn = self._sample(proposals, [target.boxes for target in targets])
        boxes = list(drawn.boxes.split(drawn.counts))
        logits, deltas = self.box_predictor(
            self.box_head(self._pool(features, boxes, self.box_cfg))
        )
        # Without any proposal the mean would be NaN.
        cls = F.cross_entropy(logits, drawn.labels) if len(logits) else logits.sum() * 0.0
        scratch = (drawn.labels == SCRATCH).nonzero()[:, 0]
        return {
            "loss_cls": cls,
            "loss_box_reg": self._box_loss(deltas, drawn, scratch),
            "loss_mask": self._mask_loss(features, drawn, scratch, targets),
        }

    @torch.no_grad()
    def _sample(self, proposals: list[torch.Tensor], targets: list[torch.Tensor]) -> _Sampled:
        """Label proposals by their overlap with the targets and draw a training sample."""
        cfg = self.cfg
        if cfg.PROPOSAL_APPEND_GT:
            proposals = [torch.cat(pair) for pair in zip(proposals, targets)]
        boxes, real = pad_boxes(proposals)
        index, label = match(boxes, targets, cfg.IOU_THRESHOLDS, cfg.IOU_LABELS)
        padded, known = pad_boxes(targets)
        label = torch.where(known.any(dim=1, keepdim=True), label, 0)
        label = torch.where(real, label, -1)
        image, proposal, counts = sample(label, cfg.BATCH_SIZE_PER_IMAGE, cfg.POSITIVE_FRACTION)
        drawn, matched = boxes[image, proposal], index[image, proposal]
        labels = torch.where(label[image, proposal] == 1, SCRATCH, BACKGROUND)
        if padded.shape[1]:
            gt_boxes = torch.where(known[image, matched, None], padded[image, matched], drawn)
        else:
            gt_boxes = drawn
        return _Sampled(drawn, labels, image, matched, gt_boxes, counts)

    def _box_loss(
        self, deltas: torch.Tensor, drawn: _Sampled, scratch: torch.Tensor
    ) -> torch.Tensor:
        """Smooth L1 over the scratches, divided by the count of all sampled proposals."""
        cfg = self.box_cfg
        gt_deltas = encode_deltas(
            drawn.boxes[scratch], drawn.gt_boxes[scratch], cfg.BBOX_REG_WEIGHTS
        )
        loss = smooth_l1_loss(deltas[scratch], gt_deltas, cfg.SMOOTH_L1_BETA, reduction="sum")
        return loss / max(len(deltas), 1) * cfg.BBOX_REG_LOSS_WEIGHT

    def _mask_loss(
        self,
        features: dict[str, torch.Tensor],
        drawn: _Sampled,
        scratch: torch.Tensor,
        targets: list[Target],
    ) -> torch.Tensor:
        """Binary cross entropy of the masks inside the proposals that hold a scratch."""
        counts = torch.bincount(drawn.image[scratch], minlength=len(targets)).tolist()
        boxes = drawn.boxes[scratch].split(counts)
        logits = self.mask_head(self._pool(features, list(boxes), self.mask_cfg))[:, 0]
        if len(logits) == 0:
            return logits.sum() * 0
        side, gt_masks = logits.shape[-1], []
        for box, owner, target in zip(boxes, drawn.matched[scratch].split(counts), targets):
            if len(box) == 0:
                continue
            regions = torch.cat([owner[:, None].to(box.dtype), box], dim=1)
            crops = roi_align(target.masks[:, None].float(), regions, side, aligned=True)
            gt_masks.append(crops[:, 0] >= 0.5)
        return F.binary_cross_entropy_with_logits(logits, torch.cat(gt_masks).to(logits.dtype))

    def detect(
        self, features: dict[str, torch.Tensor], proposals: list[torch.Tensor], sizes: list[Size]
    ) -> list[Found]:
        """Return the detections of every image, at most TEST.DETECTIONS_PER_IMAGE."""
        logits, deltas = self.box_predictor(
            self.box_head(self._pool(features, proposals, self.box_cfg))
        )
        boxes = decode_deltas(deltas, torch.cat(proposals), self.box_cfg.BBOX_REG_WEIGHTS)
        scores = F.softmax(logits, dim=-1)
        counts = [image.shape[0] for image in proposals]
        kept = [
            self._select(*image) for image in zip(boxes.split(counts), scores.split(counts), sizes)
        ]
        pooled = self._pool(features, [box for box, _ in kept], self.mask_cfg)
        masks = self.mask_head(pooled)[:, 0].sigmoid().split([box.shape[0] for box, _ in kept])
        return [Found(box, score, mask) for (box, score), mask in zip(kept, masks)]

    def _select(
        self, boxes: torch.Tensor, scores: torch.Tensor, size: Size
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Keep sound boxes above the score threshold that no better one overlaps."""
        cfg = self.cfg
        sound = torch.isfinite(boxes).all(dim=1) & torch.isfinite(scores).all(dim=1)
        boxes, score = boxes[sound], scores[sound, SCRATCH]
        boxes = clip_boxes_to_image(boxes, size)
        likely = score > cfg.SCORE_THRESH_TEST
        boxes, score = boxes[likely], score[likely]
        keep = nms(boxes, score, cfg.NMS_THRESH_TEST)
        keep = keep[: self.limit] if self.limit >= 0 else keep
        return boxes[keep], score[keep]
