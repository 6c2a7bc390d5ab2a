"""Match detections with true scratches as COCO does, image by image.

The rules are those of pycocotools' COCOeval, for one class. They are written out here because the
intervals of AP need to know which image each match comes from, which no library says. Equality with
pycocotools is tested.
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
# A detection matches at a threshold of t from an IoU of t on, with COCO's slack at 1.
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
    """What one image holds, in truth or by detection, as boxes or as masks.

    Attributes:
        shapes: [K, 4] float64 XYWH, or K masks as RLE.
        size: {"area", "width": [K] float64}, the measures by which ranges are drawn.
        scores: [K] float64 of detections, descending.
        crowd: [K] bool of true regions: they neither reward nor punish what is found in them.
    """

    shapes: Any
    size: dict[str, np.ndarray]
    scores: np.ndarray
    crowd: np.ndarray


@dataclass(frozen=True, eq=False)
class Matches:
    """All detections of a dataset, best first, and whether each is right.

    Attributes:
        image: [D] int, index of the image.
        right: [T, D] bool, at each of `IOU_THRESHOLDS` whether it matches a scratch that counts.
        ignored: [T, D] bool, whether it counts neither for nor against the detector.
        wanted: [N] int, true scratches that count, per image.
    """

    image: np.ndarray
    right: np.ndarray
    ignored: np.ndarray
    wanted: np.ndarray


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
    # COCO draws ranges of size by the area of the true mask, also where boxes are matched.
    return Regions(shapes, _measure(rles), np.zeros(0), crowd)


def detected_regions(prediction: Prediction, kind: str, most: int) -> Regions:
    """Return the `most` best detections of an image as boxes or masks."""
    scores = prediction.scores[:most].astype(float)
    corners = prediction.boxes[:most].astype(float)
    shapes: Any = np.hstack([corners[:, :2], corners[:, 2:] - corners[:, :2]])
    size = {"area": shapes[:, 2] * shapes[:, 3]}
    if kind == "segm":
        shapes = prediction.masks[:most]
        size = _measure(shapes)
    return Regions(shapes, size, scores, np.zeros(len(scores), bool))


def _measure(rles: Sequence[dict]) -> dict[str, np.ndarray]:
    if not rles:
        return {"area": np.zeros(0), "width": np.zeros(0)}
    area = rle_areas(rles)
    return {"area": area, "width": mean_width(area, coco_mask.toBbox(list(rles)))}


def mean_width(area: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return how wide scratches are on average, in px: area by the diagonal of the box.

    That is the width of a straight streak at any angle; a square counts with 0.7 of its side.

    Args:
        area: [K] px.
        box: [K, 4] XYWH.
    """
    return area / np.maximum(np.hypot(box[:, 2], box[:, 3]), 1)


def match_images(
    truth: Sequence[Regions], found: Sequence[Regions], ranges: Mapping[str, tuple[str, Range]]
) -> dict[str, Matches]:
    """Match the detections of N images.

    Args:
        truth, found: one each per image.
        ranges: {name: (measure, (low, high))}: which true scratches count, and which unmatched
            detections count against the detector, both by a measure of `Regions.size`.
    """
    counts = [len(f.scores) for f in found]
    image = np.repeat(np.arange(len(found)), counts)
    first = np.cumsum([0, *counts])
    order = np.argsort(-np.concatenate([f.scores for f in found]), kind="stable")
    overlaps = {i: _overlap(truth[i], found[i]) for i, t in enumerate(truth) if len(t.crowd)}
    known: dict[tuple[int, bytes], np.ndarray] = {}  # most ranges leave the same regions out
    matched = {}
    for name, (measure, (low, high)) in ranges.items():
        sizes = np.concatenate([f.size[measure] for f in found])
        wanted = np.zeros(len(truth), int)
        hit, beside = np.zeros((2, len(IOU_THRESHOLDS), len(image)), bool)
        for i, overlap in overlaps.items():
            size, crowd = truth[i].size[measure], truth[i].crowd
            out = (size < low) | (size > high) | crowd
            wanted[i] = np.count_nonzero(~out)
            key = i, out.tobytes()
            chosen = known[key] = match(overlap, out, crowd) if key not in known else known[key]
            own = slice(first[i], first[i + 1])
            hit[:, own] = chosen >= 0
            beside[:, own] = hit[:, own] & out[chosen]
        ignored = beside | (~hit & ((sizes < low) | (sizes > high)))
        matched[name] = Matches(image[order], (hit & ~beside)[:, order], ignored[:, order], wanted)
    return matched


def _overlap(truth: Regions, found: Regions) -> np.ndarray:
    """Return the IoU [D, K] of detections and true regions; for a crowd, the share inside it."""
    if not len(found.scores):
        return np.zeros((0, len(truth.crowd)))
    return coco_mask.iou(found.shapes, truth.shapes, truth.crowd.astype(np.uint8).tolist())


def match(overlap: np.ndarray, beside: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """Return [T, D] int: the true region that each detection gets at each threshold, or -1.

    Detections choose in the order of their scores. Each takes the free region of the highest IoU
    among those that count, otherwise among those that do not; of equals the last. A crowd is
    always free.

    Args:
        overlap: [D, K] IoU.
        beside: [K] bool, regions that do not count; `crowd`: [K] bool, those that hold several.
    """
    chosen = np.full((len(IOU_THRESHOLDS), len(overlap)), -1)
    if not overlap.size:
        return chosen
    hopeful = np.flatnonzero(overlap.max(axis=1) >= IOU_THRESHOLDS[0])
    for level, threshold in enumerate(np.minimum(IOU_THRESHOLDS, CEILING)):
        taken: set[int] = set()
        for detection in hopeful:
            best, rank = -1, (False, threshold)
            for region, iou in enumerate(overlap[detection]):
                free = crowd[region] or region not in taken
                if free and iou >= threshold and (not beside[region], iou) >= rank:
                    best, rank = region, (not beside[region], iou)
            chosen[level, detection] = best
            if best >= 0:
                taken.add(best)
    return chosen
