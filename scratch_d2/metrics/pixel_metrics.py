"""How much of the scratches was found, by pixel and by length, over Bad images."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from scratch_d2.metrics.bootstrap import interval, resample
from scratch_d2.metrics.matching import WIDTHS, mean_width
from scratch_d2.structures.dataset_dict import annotation_rle, scratches_of
from scratch_d2.structures.masks import decode_rle, rle_areas, union_of_rles
from scratch_d2.structures.prediction import Prediction
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.structures.verdict import scratch_mask

THIN = WIDTHS["thin"][1]
# Per image: pixels found rightly, predicted, true; Dice; skeleton pixels found and true, of all
# scratches and of thin ones.
COLUMNS = 8


def pixel_metrics(
    dicts: Sequence[Mapping[str, Any]],
    predictions: Mapping[Any, Prediction],
    thresholds: Thresholds,
    groups: Sequence[object] | None = None,
) -> dict[str, float]:
    """Return how well the scratches that count cover the true ones, each in 0..1.

    Only images with marked scratches are looked at, `images` of them: without scratches Dice is
    not defined, and what is found on Good images is for precision of the verdict. `precision`,
    `recall` and `dice` pool the pixels of all images; `dice_mean` is the mean over images, 0 where
    nothing was found. `skeleton_recall` is the share of the scratches' length, the pixels of their
    skeletons, that was found (topology sensitivity: Shit et al., clDice, CVPR 2021), and
    `skeleton_recall_thin` that of scratches less than 8 px wide. Each has a 95% interval; without
    any such image all are nan.

    Args:
        dicts: dataset dicts.
        predictions: by image_id.
        groups: source group of each dict; None takes each image for one.
    """
    chosen = [i for i, item in enumerate(dicts) if scratches_of(item)]
    rows = [_count(dicts[i], predictions[dicts[i]["image_id"]], thresholds) for i in chosen]
    counts = np.array(rows, float).reshape(-1, COLUMNS)
    resampling = resample([i if groups is None else groups[i] for i in chosen])
    right, found, true, dice, line, lines, thin, thins = resampling.totals(counts).T
    images = resampling.totals(np.ones((len(chosen), 1)))[:, 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        figures = {
            "precision": right / found,
            "recall": right / true,
            "dice": 2 * right / (found + true),
            "dice_mean": dice / images,
            "skeleton_recall": line / lines,
            "skeleton_recall_thin": thin / thins,
        }
    metrics = {"images": float(len(chosen))}
    for name, values in figures.items():
        metrics[name] = float(values[0])
        metrics[f"{name}_low"], metrics[f"{name}_high"] = interval(values)
    return metrics


def _count(
    item: Mapping[str, Any], prediction: Prediction, thresholds: Thresholds
) -> tuple[float, ...]:
    height, width = item["height"], item["width"]
    scratches = [annotation_rle(item, scratch) for scratch in scratches_of(item)]
    truth, found = union_of_rles(scratches, height, width), scratch_mask(prediction, thresholds)
    right, total = np.count_nonzero(truth & found), found.sum() + truth.sum()
    widths = mean_width(rle_areas(scratches), coco_mask.toBbox(scratches))
    line, thin = np.zeros(2), np.zeros(2)
    for scratch, broad in zip(scratches, widths):
        lengths = _lengths(decode_rle(scratch), found)
        line += lengths
        thin += lengths if broad <= THIN else 0
    return (right, found.sum(), truth.sum(), 2 * right / total, *line, *thin)


def _lengths(scratch: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return how many pixels of a scratch's skeleton were found, and how many there are."""
    from skimage.morphology import skeletonize

    rows, columns = np.flatnonzero(scratch.any(axis=1)), np.flatnonzero(scratch.any(axis=0))
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    skeleton = skeletonize(scratch[window])
    return np.array([np.count_nonzero(skeleton & found[window]), np.count_nonzero(skeleton)])
