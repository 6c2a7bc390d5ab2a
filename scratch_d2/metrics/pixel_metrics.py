"""Precision, recall and Dice of scratches by pixel, and recall by length, over Bad images."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from scratch_d2.metrics.bootstrap import interval, resample
from scratch_d2.metrics.matching import WIDTHS, mean_width
from scratch_d2.structures.areas import scratch_mask
from scratch_d2.structures.dataset_dict import (
    annotation_rle,
    has_unknown_scratches,
    scratches_of,
)
from scratch_d2.structures.masks import decode_rle, rle_areas, union_of_rles
from scratch_d2.structures.prediction import Prediction
from scratch_d2.structures.thresholds import Thresholds

THIN = WIDTHS["thin"][1]
# Per image: true positive, predicted and true pixels; Dice; skeleton pixels detected and true, of
# all scratches and of thin ones.
COLUMNS = 8


def pixel_metrics(
    dicts: Sequence[Mapping[str, Any]],
    predictions: Mapping[Any, Prediction],
    thresholds: Thresholds,
    groups: Sequence[object] | None = None,
) -> dict[str, float]:
    """Return how well the scratches that count cover the true ones, each in 0..1.

    Only images whose scratches are all marked count, `images` of them: Dice is not defined without
    scratches, and detections on Good images lower the precision of the verdict instead.
    `precision`, `recall` and `dice` pool the pixels of all images. `dice_mean` is the mean over
    images, 0 for an image without detections. `skeleton_recall` is the share of the skeleton pixels
    of the scratches that is detected (topology sensitivity: Shit et al., clDice, CVPR 2021);
    `skeleton_recall_thin` is that of scratches less than 8 px wide. Each has a 95% interval. All
    are nan if there is no such image.

    Args:
        dicts: dataset dicts.
        predictions: by image_id.
        groups: source group of each dict; None takes each image for one.
    """
    marked = [bool(scratches_of(item)) and not has_unknown_scratches(item) for item in dicts]
    chosen = [index for index, complete in enumerate(marked) if complete]
    rows = [_count(dicts[i], predictions[dicts[i]["image_id"]], thresholds) for i in chosen]
    counts = np.array(rows, float).reshape(-1, COLUMNS)
    resampling = resample([i if groups is None else groups[i] for i in chosen])
    tp, predicted, true, dice, line, lines, thin, thins = resampling.totals(counts).T
    images = resampling.totals(np.ones((len(chosen), 1)))[:, 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        replicates = {
            "precision": tp / predicted,
            "recall": tp / true,
            "dice": 2 * tp / (predicted + true),
            "dice_mean": dice / images,
            "skeleton_recall": line / lines,
            "skeleton_recall_thin": thin / thins,
        }
    metrics = {"images": float(len(chosen))}
    for name, values in replicates.items():
        metrics[name] = float(values[0])
        metrics[f"{name}_low"], metrics[f"{name}_high"] = interval(values)
    return metrics


def _count(
    item: Mapping[str, Any], prediction: Prediction, thresholds: Thresholds
) -> tuple[float, ...]:
    height, width = item["height"], item["width"]
    scratches = [annotation_rle(item, scratch) for scratch in scratches_of(item)]
    true = union_of_rles(scratches, height, width)
    predicted = scratch_mask(prediction, thresholds)
    tp, total = np.count_nonzero(true & predicted), predicted.sum() + true.sum()
    widths = mean_width(rle_areas(scratches), coco_mask.toBbox(scratches))
    line, thin = np.zeros(2), np.zeros(2)
    for scratch, scratch_width in zip(scratches, widths):
        lengths = _lengths(decode_rle(scratch), predicted)
        line += lengths
        thin += lengths if scratch_width <= THIN else 0
    return (tp, predicted.sum(), true.sum(), 2 * tp / total, *line, *thin)


def _lengths(scratch: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return how many pixels of a scratch's skeleton are predicted, and how many there are."""
    from skimage.morphology import skeletonize

    rows, columns = np.flatnonzero(scratch.any(axis=1)), np.flatnonzero(scratch.any(axis=0))
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    skeleton = skeletonize(scratch[window])
    return np.array([np.count_nonzero(skeleton & predicted[window]), np.count_nonzero(skeleton)])
