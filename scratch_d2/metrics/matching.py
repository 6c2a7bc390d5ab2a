"""Match detections with true scratches as COCO does, image by image.

The rules are those of pycocotools' COCOeval, for one class. They are written out here for three
reasons. AP by the width of scratches needs ranges that COCOeval does not have. Intervals need AP of
a thousand replicates of the images, and COCOeval.accumulate would compute them one by one. Boxes
and masks of one class are matched faster (benchmarks/evaluation.py). Equality with pycocotools is
tested.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from scratch_d2.structures.dataset_dict import annotation_rle
from scratch_d2.structures.masks import rle_areas
from scratch_d2.structures.prediction import Prediction

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
# A detection matches at a threshold t from an IoU of t on, with COCO's slack at 1.
CEILING = 1 - 1e-10
Range = tuple[float, float]
# Ranges of the width of scratches in px, see `mean_width`.
WIDTHS: dict[str, Range] = {
    "thin": (0, np.nextafter(8, 0)),
    "mid": (8, np.nextafter(16, 0)),
    "wide": (16, 1e10),
}


@dataclass(frozen=True, eq=False)
class Regions:
    """The true scratches or the detections of one image, as boxes or as masks.

    Attributes:
        shapes: [K, 4] float64 XYWH, or K masks as RLE.
        size: {"area", "width": [K] float64}, the measures that ranges are given in.
        scores: [K] float64 of detections, descending.
        crowd: [K] bool of true scratches; a detection in a crowd is neither right nor wrong.
    """

    shapes: Any
    size: dict[str, np.ndarray]
    scores: np.ndarray
    crowd: np.ndarray


@dataclass(frozen=True, eq=False)
class Matches:
    """All D detections of a dataset, highest score first, matched at T IoU thresholds.

    Attributes:
        image: [D] int, index of the image.
        tp: [T, D] bool, whether it matches a true scratch that counts.
        ignore: [T, D] bool, whether it counts neither as right nor as wrong.
        num_gt: [N] int, true scratches that count, per image.
    """

    image: np.ndarray
    tp: np.ndarray
    ignore: np.ndarray
    num_gt: np.ndarray


def true_masks(item: Mapping[str, Any]) -> list[dict]:
    """Return the masks of the annotations of a dataset dict as RLE."""
    return [annotation_rle(item, annotation) for annotation in item["annotations"]]


def true_regions(item: Mapping[str, Any], rles: list[dict], kind: str) -> Regions:
    """Return the annotations of a dataset dict as boxes (kind "bbox") or masks ("segm")."""
    annotations = item["annotations"]
    crowd = np.array([a.get("iscrowd", 0) for a in annotations], bool)
    shapes: Any = rles
    if kind == "bbox":
        corners = np.array([a["bbox"] for a in annotations], float).reshape(-1, 4)
        shapes = np.hstack([corners[:, :2], corners[:, 2:] - corners[:, :2]])
    # COCO takes the area of the true mask for its ranges, also if boxes are matched.
    return Regions(shapes, _measure(rles), np.zeros(0), crowd)


def detected_regions(prediction: Prediction, kind: str, max_dets: int) -> Regions:
    """Return the `max_dets` detections of an image with the highest scores, as boxes or masks."""
    scores = prediction.scores[:max_dets].astype(float)
    corners = prediction.boxes[:max_dets].astype(float)
    shapes: Any = np.hstack([corners[:, :2], corners[:, 2:] - corners[:, :2]])
    size = {"area": shapes[:, 2] * shapes[:, 3]}
    if kind == "segm":
        shapes = prediction.masks[:max_dets]
        size = _measure(shapes)
    return Regions(shapes, size, scores, np.zeros(len(scores), bool))


def _measure(rles: Sequence[dict]) -> dict[str, np.ndarray]:
    if not rles:
        return {"area": np.zeros(0), "width": np.zeros(0)}
    area = rle_areas(rles)
    return {"area": area, "width": mean_width(area, coco_mask.toBbox(list(rles)))}


def mean_width(area: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return the mean width of scratches in px: their area by the diagonal of their box.

    For a straight streak that is its width at any angle; for a square it is 0.7 of the side.

    Args:
        area: [K] px.
        box: [K, 4] XYWH.
    """
    return area / np.maximum(np.hypot(box[:, 2], box[:, 3]), 1)


def match_images(
    ground_truth: Sequence[Regions],
    detections: Sequence[Regions],
    ranges: Mapping[str, tuple[str, Range]],
) -> dict[str, Matches]:
    """Match the detections of N images with their true scratches, once for each range of sizes.

    Args:
        ground_truth, detections: one each per image.
        ranges: {name: (measure, (low, high))}; true scratches and unmatched detections whose
            measure, one of `Regions.size`, is outside do not count.
    """
    num_dets = [len(each.scores) for each in detections]
    image = np.repeat(np.arange(len(detections)), num_dets)
    first = np.cumsum([0, *num_dets])
    order = np.argsort(-np.concatenate([each.scores for each in detections]), kind="stable")
    ious = {
        i: _iou(truth, detections[i]) for i, truth in enumerate(ground_truth) if len(truth.crowd)
    }
    known: dict[tuple[int, bytes], np.ndarray] = {}  # most ranges leave the same regions out
    matches = {}
    for name, (measure, (low, high)) in ranges.items():
        sizes = np.concatenate([each.size[measure] for each in detections])
        num_gt = np.zeros(len(ground_truth), int)
        matched, ignore = np.zeros((2, len(IOU_THRESHOLDS), len(image)), bool)
        for i, iou in ious.items():
            size, crowd = ground_truth[i].size[measure], ground_truth[i].crowd
            ignore_gt = (size < low) | (size > high) | crowd
            num_gt[i] = np.count_nonzero(~ignore_gt)
            key = i, ignore_gt.tobytes()
            if key not in known:
                known[key] = match_detections(iou, ignore_gt, crowd)
            own = slice(first[i], first[i + 1])
            matched[:, own] = known[key] >= 0
            ignore[:, own] = matched[:, own] & ignore_gt[known[key]]
        tp = matched & ~ignore
        ignore |= ~matched & ((sizes < low) | (sizes > high))
        matches[name] = Matches(image[order], tp[:, order], ignore[:, order], num_gt)
    return matches


def _iou(truth: Regions, detections: Regions) -> np.ndarray:
    """Return the IoU [D, K] of detections and true scratches; for a crowd, the share inside it."""
    if not len(detections.scores):
        return np.zeros((0, len(truth.crowd)))
    return coco_mask.iou(detections.shapes, truth.shapes, truth.crowd.astype(np.uint8).tolist())


def match_detections(iou: np.ndarray, ignore_gt: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """Return [T, D] int: the true scratch that each detection matches at each threshold, or -1.

    Detections choose in the order of their scores. Each takes the free scratch of the highest IoU
    among those that count, otherwise among those that do not; of equal ones the last. A crowd is
    always free.

    Args:
        iou: [D, K].
        ignore_gt: [K] bool, true scratches that do not count.
        crowd: [K] bool, those that hold several scratches.
    """
    matched_gt = np.full((len(IOU_THRESHOLDS), len(iou)), -1)
    if not iou.size:
        return matched_gt
    candidates = np.flatnonzero(iou.max(axis=1) >= IOU_THRESHOLDS[0])
    for level, threshold in enumerate(np.minimum(IOU_THRESHOLDS, CEILING)):
        taken: set[int] = set()
        for detection in candidates:
            best, rank = -1, (False, threshold)
            for region, value in enumerate(iou[detection]):
                free = crowd[region] or region not in taken
                if free and value >= threshold and (not ignore_gt[region], value) >= rank:
                    best, rank = region, (not ignore_gt[region], value)
            matched_gt[level, detection] = best
            if best >= 0:
                taken.add(best)
    return matched_gt
