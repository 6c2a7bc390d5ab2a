"""Compare an exported model with torch, detection by detection."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from pycocotools import mask as coco_mask

from scratch_d2.structures.prediction import Prediction
from scratch_d2.synthetic.render import Spec, render
from scratch_d2.utils.opencv import cv2

# Accepted differences: of scores and p(Bad), of boxes in px, and the least IoU of masks.
SCORES, BOXES, MASKS = 1e-4, 0.05, 0.999
# Sides of the images that an export is compared on, besides those that rendered labels have, px.
SIDES = ((33, 47), (64, 900), (700, 400), (1280, 960))
RENDERED = 8


@dataclass(frozen=True)
class Difference:
    """How far the predictions of two detectors are apart.

    Attributes:
        images: how many were compared.
        detections: how many the first detector found in them.
        unmatched: detections that only one of the two found.
        scores, boxes: largest differences of the others, boxes in px.
        iou: least IoU of their masks.
    """

    images: int
    detections: int
    unmatched: int
    scores: float
    boxes: float
    iou: float

    @property
    def accepted(self) -> bool:
        """Whether the second detector may stand in for the first."""
        near = self.scores <= SCORES and self.boxes <= BOXES and self.iou >= MASKS
        return near and self.unmatched == 0

    def __str__(self) -> str:
        return (
            f"{self.images} images, {self.detections} detections, {self.unmatched} found by one "
            f"only; scores differ by {self.scores:.1e}, boxes by {self.boxes:.1e} px at most, the "
            f"least IoU of masks is {self.iou:.6f}"
        )


def check_images() -> list[np.ndarray]:
    """Return rendered labels of many sizes, HxWx3 uint8 RGB; the same in every call."""
    rng = np.random.default_rng(0)
    images = [render(rng, Spec(bad=index % 4 > 0)).image for index in range(RENDERED)]
    enlarged = [cv2.resize(images[1], (width, height)) for height, width in SIDES]
    return [*images, *enlarged]


def compare_detectors(
    expected: Callable[[list[np.ndarray]], list[Prediction]],
    found: Callable[[list[np.ndarray]], list[Prediction]],
    images: Sequence[np.ndarray],
) -> Difference:
    """Run two detectors on the same images, one by one, and compare what they find."""
    return compare_predictions(
        [expected([image])[0] for image in images], [found([image])[0] for image in images]
    )


def compare_predictions(expected: Sequence[Prediction], found: Sequence[Prediction]) -> Difference:
    """Compare the predictions of two detectors for the same images."""
    unmatched, scores, boxes, iou = 0, [0.0], [0.0], [1.0]
    for one, other in zip(expected, found, strict=True):
        pairs = _pair(one.boxes, other.boxes)
        unmatched += len(one) + len(other) - 2 * len(pairs)
        for i, j in pairs:
            scores.append(float(abs(one.scores[i] - other.scores[j])))
            boxes.append(float(np.abs(one.boxes[i] - other.boxes[j]).max()))
            iou.append(_mask_iou(one.masks[i], other.masks[j]))
    count = sum(map(len, expected))
    return Difference(len(expected), count, unmatched, max(scores), max(boxes), min(iou))


def _mask_iou(one: dict, other: dict) -> float:
    if one["counts"] == other["counts"]:  # also if both are empty
        return 1.0
    return float(coco_mask.iou([one], [other], [0])[0, 0])


def _pair(first: np.ndarray, second: np.ndarray) -> list[tuple[int, int]]:
    """Pair the boxes of two detectors, nearest first; those more than a pixel apart stay alone."""
    distance = np.abs(first[:, None] - second).max(axis=2, initial=0)
    pairs: list[tuple[int, int]] = []
    while distance.size and distance.min() <= 1:
        i, j = np.unravel_index(distance.argmin(), distance.shape)
        pairs.append((int(i), int(j)))
        distance[i], distance[:, j] = np.inf, np.inf
    return pairs
