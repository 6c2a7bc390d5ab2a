#!/usr/bin/env python3
"""What image size, mask resolution and anchors allow at best on thin things, without any training.

    DETECTRON2_DATASETS=runs/reference/datasets benchmarks/ceilings.py --dataset scratch_synth_val

Masks: a detector with perfect boxes and scores draws each scratch as its mask head is taught to, in
so many cells, from an image of that size; what comes out is evaluated in the photograph. Anchors:
how well the best anchor covers a scratch, and the share that an anchor of IoU 0.5 or 0.7 covers
(from 0.7 on one is taught to find it; below, only the best one of each scratch).
"""

import argparse
from collections.abc import Iterable

import numpy as np
import torch
from PIL import Image
from torchvision.ops import box_iou, masks_to_boxes, roi_align

from scratch_d2.cli.common import run
from scratch_d2.data.builtin import register_builtin
from scratch_d2.data.catalog import find_dataset_dicts
from scratch_d2.engines.embedded.model import paste_mask
from scratch_d2.engines.embedded.rpn import cell_anchors, grid_anchors
from scratch_d2.metrics.coco_ap import average_precision
from scratch_d2.metrics.pixel_metrics import pixel_metrics
from scratch_d2.structures.dataset_dict import scratches_of
from scratch_d2.structures.masks import decode_rle, encode_rle, to_rle
from scratch_d2.structures.prediction import Prediction
from scratch_d2.structures.resizing import resize, resized_shape
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.utils.tables import format_table

SIZES, CELLS = (192, 256, 320, 384), (14, 28, 56)
STRIDES = (4, 8, 16, 32, 64)
FOUR = (0.25, 0.5, 1, 2, 4)
EIGHT = (0.125, *FOUR, 8)
COCO, FINER, FINEST = ([[size << level] for level in range(5)] for size in (32, 16, 8))
ANCHORS = {
    "one from 32 px, up to 1:2 (COCO's)": (COCO, (0.5, 1, 2)),
    "one from 16 px, up to 1:2": (FINER, (0.5, 1, 2)),
    "one from 16 px, up to 1:4": (FINER, FOUR),
    "one from 16 px, up to 1:8": (FINER, EIGHT),
    "one from 8 px, up to 1:4": (FINEST, FOUR),
    "three from 8 px, up to 1:4 (the reference's)": (
        [[8, 12, 16], [20, 26, 32], [40, 52, 64], [80, 104, 128], [160, 200, 256]],
        FOUR,
    ),
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", required=True, metavar="NAME|FOLDER")
    return parser.parse_args()


def seen_masks(item: dict, longest: int) -> torch.Tensor:
    """Return the [N, H, W] masks of a dict, 0 or 1, in an image of that longer side.

    What vanishes as the image shrinks is left out.
    """
    height, width = item["height"], item["width"]
    size = resized_shape((height, width), longest, longest)
    rles = [to_rle(s["segmentation"], height, width) for s in scratches_of(item)]
    masks = [resize(decode_rle(r).astype(np.uint8), size, Image.Resampling.NEAREST) for r in rles]
    stacked = torch.from_numpy(np.stack(masks)).float()
    return stacked[stacked.flatten(1).any(1)]


def boxes_of(masks: torch.Tensor) -> torch.Tensor:
    """Return the [N, 4] boxes XYXY around masks that are not empty."""
    return masks_to_boxes(masks) + torch.tensor([0, 0, 1, 1])  # which ends in the last pixel


def draw(item: dict, longest: int, cells: int) -> Prediction:
    masks = seen_masks(item, longest)
    height, width = item["height"], item["width"]
    if not len(masks):
        return Prediction.empty(height, width)
    boxes = boxes_of(masks)
    regions = torch.cat([torch.arange(len(boxes))[:, None].float(), boxes], dim=1)
    taught = (roi_align(masks[:, None], regions, cells, aligned=True)[:, 0] >= 0.5).float()
    back = boxes.new_tensor([width / masks.shape[2], height / masks.shape[1]] * 2)
    drawn = [paste_mask(m, box, (height, width)) for m, box in zip(taught, boxes * back)]
    scores = np.ones(len(boxes), np.float32)
    return Prediction(height, width, (boxes * back).numpy(), scores, [encode_rle(m) for m in drawn])


def mask_table(dicts: list[dict]) -> str:
    rows = []
    for longest in SIZES:
        for cells in CELLS:
            predictions = {item["image_id"]: draw(item, longest, cells) for item in dicts}
            ap = average_precision(dicts, predictions)["segm"]
            pixel = pixel_metrics(dicts, predictions, Thresholds())
            values = [f"{ap[name]:.1f}" for name in ("AP", "AP50", "AP_thin")]
            values += [f"{pixel[name]:.3f}" for name in ("dice", "skeleton_recall")]
            rows.append([f"{longest} px, {cells} x {cells}", *values])
    headers = ["image, cells of a mask", "mask AP", "AP50", "AP, thin", "Dice", "skeleton recall"]
    return format_table(rows, headers, markdown=True)


def best_cover(
    dicts: list[dict], sizes: Iterable[list[int]], ratios: Iterable[float]
) -> torch.Tensor:
    """Return the IoU of each scratch's box with its best anchor, in images of 256 px.

    Args:
        sizes: those of each level of the pyramid.
    """
    best = []
    for item in dicts:
        masks = seen_masks(item, 256)
        if not len(masks):
            continue
        anchors = [
            grid_anchors(cell_anchors(of_level, list(ratios)), grid, stride, 0.0)
            for of_level, stride in zip(sizes, STRIDES)
            for grid in [tuple(-(-side // stride) for side in masks.shape[1:])]
        ]
        best.append(box_iou(boxes_of(masks), torch.cat(anchors)).amax(dim=1))
    return torch.cat(best)


def anchor_table(dicts: list[dict]) -> str:
    rows = []
    for name, (sizes, ratios) in ANCHORS.items():
        cover = best_cover(dicts, sizes, ratios)
        shares = [(cover >= bar).float().mean() for bar in (0.5, 0.7)]
        rows.append([name, f"{cover.mean():.2f}", *(f"{share:.0%}" for share in shares)])
    headers = ["anchors of a level", "mean IoU of the best", "above 0.5", "above 0.7"]
    return format_table(rows, headers, markdown=True)


def main() -> int:
    args = parse_args()
    register_builtin()
    dicts = [item for item in find_dataset_dicts(args.dataset) if scratches_of(item)]
    print(f"{mask_table(dicts)}\n\n{anchor_table(dicts)}")
    return 0


if __name__ == "__main__":
    run(main)
