"""Scratch areas: of a mask, of each instance, and of a whole prediction in any unit."""

import numpy as np

from scratch_d2.structures.masks import decode_rle, merge_rles, rle_areas, union_of_rles
from scratch_d2.structures.prediction import Prediction
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.utils.opencv import cv2

# A pixel counts with this power of its score. Measured on rendered validation labels: from 1 to 4
# the ranking of images gains, beyond that little.
SCORE_POWER = 4


def counts(prediction: Prediction, thresholds: Thresholds) -> np.ndarray:
    """Return [N] bool: which instances count, those with a score at or above the threshold."""
    return prediction.scores >= np.float32(thresholds.score)


def scratch_mask(prediction: Prediction, thresholds: Thresholds) -> np.ndarray:
    """Return the union of the masks of all instances that count, as HxW bool."""
    counted = np.flatnonzero(counts(prediction, thresholds))
    masks = [prediction.masks[index] for index in counted]
    return union_of_rles(masks, prediction.height, prediction.width)


def measure_area(prediction: Prediction, thresholds: Thresholds) -> float:
    """Measure the scratch area of a prediction in the unit of the thresholds.

    The method "weighted" lets a pixel count with the fourth power of the highest score of the
    instances that hold it, so that a doubtful find counts little; the others count it fully.
    """
    if thresholds.area_method == "weighted":
        area = _weighted_area(prediction, thresholds)
    else:
        area = scratch_area(scratch_mask(prediction, thresholds), thresholds.area_method)
    return area * unit_scale(prediction.height, prediction.width, thresholds)


def instance_areas(prediction: Prediction, thresholds: Thresholds) -> list[float]:
    """Return the area of each instance in pixels, by the method of the thresholds."""
    method = thresholds.area_method
    if method == "contour":
        return [scratch_area(decode_rle(mask), method) for mask in prediction.masks]
    areas = rle_areas(prediction.masks)
    if method == "weighted":
        areas = areas * prediction.scores.astype(float) ** SCORE_POWER
    return areas.tolist()


def unit_scale(height: int, width: int, thresholds: Thresholds) -> float:
    """Return what one pixel of an HxW image is in the unit of the thresholds."""
    if thresholds.area_unit == "fraction":
        return 1 / (height * width)
    return 1 / thresholds.pixels_per_mm**2 if thresholds.area_unit == "mm2" else 1.0


def scratch_area(mask: np.ndarray, method: str = "contour") -> float:
    """Measure the scratch area of an HxW mask in pixels.

    `contour` sums `cv2.contourArea` over the external contours: the polygon through the centres
    of the border pixels, so holes count and lines one pixel wide have area 0. `pixel` counts
    the mask's pixels.
    """
    if method == "pixel":
        return float(np.count_nonzero(mask))
    if method == "contour":
        contours, _ = cv2.findContours(
            mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
        )
        return float(sum(cv2.contourArea(contour) for contour in contours))
    raise ValueError(f"area method {method!r} of a mask is unknown; accepted are contour, pixel")


def _weighted_area(prediction: Prediction, thresholds: Thresholds) -> float:
    """Sum the weights of all pixels: from the best score on, each instance adds what is new."""
    counted = np.flatnonzero(counts(prediction, thresholds))
    best_first = counted[np.argsort(-prediction.scores[counted], kind="stable")]
    total = covered = 0.0
    union: list[dict] = []
    for index in best_first:
        union = [merge_rles([*union, prediction.masks[index]])]
        grown = float(rle_areas(union)[0])
        total += float(prediction.scores[index]) ** SCORE_POWER * (grown - covered)
        covered = grown
    return total
