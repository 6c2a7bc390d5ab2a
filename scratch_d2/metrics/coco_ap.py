"""Average precision of boxes and masks as COCO defines it, with intervals.

AP equals that of pycocotools and of Detectron2's COCOEvaluator. Added are 95% intervals and AP by
the width of scratches.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scratch_d2.metrics.bootstrap import Resampling, interval, resample
from scratch_d2.metrics.matching import (
    IOU_THRESHOLDS,
    WIDTHS,
    Matches,
    Range,
    detected_regions,
    match_images,
    true_masks,
    true_regions,
)
from scratch_d2.structures.prediction import Prediction

KINDS = ("bbox", "segm")
NAMES = ("AP", "AP50", "AP75", "APs", "APm", "APl")
RECALLS = np.linspace(0, 1, 101)
# COCO's ranges of area in px, both ends belong to them.
AREAS: dict[str, Range] = {"": (0, 1e10), "s": (0, 32**2), "m": (32**2, 96**2), "l": (96**2, 1e10)}


def average_precision(
    dicts: Sequence[Mapping[str, Any]],
    predictions: Mapping[Any, Prediction],
    max_dets: int = 100,
    resampling: Resampling | None = None,
) -> dict[str, dict[str, float]]:
    """Return `{"bbox": {"AP", "AP50", ...}, "segm": {...}}` in percent, 0..100.

    AP is the mean over IoU thresholds of 0.5 to 0.95, APs, APm and APl are COCO's by area, AP_thin,
    AP_mid and AP_wide those by width (`WIDTHS`). AP is 0 if there are scratches and nothing was
    detected, and nan if there is no true scratch of that size.

    Args:
        dicts: dataset dicts; a detection in an annotation with iscrowd=1 is neither right nor
            wrong.
        predictions: by image_id; an image without one counts as an image without detections.
        max_dets: detections per image that count, highest scores first.
        resampling: of the images; adds 95% intervals of AP and AP50 as AP_low, AP_high and so on.
    """
    once = resample(range(len(dicts)), replicates=0)
    masks, results = [true_masks(item) for item in dicts], {}
    for kind in KINDS:
        matches = match_dataset(dicts, masks, predictions, max_dets, kind)
        metrics = {}
        for name, matched in matches.items():
            by_level = precision_by_level(matched, once)[:, 0]
            metrics[name] = float(by_level.mean())
            if name == "AP":
                metrics["AP50"], metrics["AP75"] = float(by_level[0]), float(by_level[5])
        if resampling is not None:
            by_level = precision_by_level(matches["AP"], resampling)
            for name, replicates in (("AP", by_level.mean(axis=0)), ("AP50", by_level[0])):
                metrics[f"{name}_low"], metrics[f"{name}_high"] = interval(replicates)
        results[kind] = metrics
    return results


def match_dataset(
    dicts: Sequence[Mapping[str, Any]],
    masks: Sequence[list[dict]],
    predictions: Mapping[Any, Prediction],
    max_dets: int,
    kind: str,
) -> dict[str, Matches]:
    """Match boxes ("bbox") or masks ("segm") of a dataset, for each AP: "AP", "APs" and so on."""
    ground_truth = [true_regions(item, rles, kind) for item, rles in zip(dicts, masks)]
    nothing = Prediction.empty(0, 0)
    predicted = (predictions.get(item["image_id"], nothing) for item in dicts)
    detections = [detected_regions(prediction, kind, max_dets) for prediction in predicted]
    ranges = {f"AP{letter}": ("area", bounds) for letter, bounds in AREAS.items()}
    if kind == "segm":
        ranges |= {f"AP_{name}": ("width", bounds) for name, bounds in WIDTHS.items()}
    return match_images(ground_truth, detections, ranges)


def precision_by_level(matches: Matches, resampling: Resampling) -> np.ndarray:
    """Return [T, B]: average precision in percent at each IoU threshold, for each replicate.

    Precision at a recall is the highest at this or any higher recall, averaged over the recalls
    0, 0.01 ... 1. Only true positives raise recall, so it is enough to count the false positives
    that come before each of them.
    """
    num_gt = resampling.totals(matches.num_gt[:, None].astype(float))  # [B, 1]
    return np.stack(
        [
            _precision_at(matches, level, num_gt, resampling) * 100
            for level in range(len(IOU_THRESHOLDS))
        ]
    )


def _precision_at(
    matches: Matches, level: int, num_gt: np.ndarray, resampling: Resampling
) -> np.ndarray:
    is_tp = matches.tp[level]
    is_fp = ~is_tp & ~matches.ignore[level]
    steps = int(is_tp.sum())
    # Each true positive begins a step; a false positive counts from the next true one on.
    step = np.cumsum(is_tp) - is_tp
    tps = resampling.blocks(matches.image[is_tp], np.arange(steps), steps + 1)
    fps = resampling.blocks(matches.image[is_fp], step[is_fp], steps + 1)
    averages, start = np.full(len(num_gt), np.nan), 0
    for tp, fp in zip(tps, fps):
        tp = np.cumsum(tp[:, :steps], axis=1)
        fp = np.cumsum(fp[:, :steps], axis=1)
        block = slice(start, start + len(tp))
        averages[block] = _average(tp, fp, num_gt[block])
        start = block.stop
    return averages


def _average(tp: np.ndarray, fp: np.ndarray, num_gt: np.ndarray) -> np.ndarray:
    """Average the precision over `RECALLS`; [B], nan in replicates without a true scratch.

    Args:
        tp, fp: [B, K], true and false positives up to each of K true positives.
        num_gt: [B, 1], true scratches.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = tp / num_gt
        precision = tp / (tp + fp + np.spacing(1))
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    reached = np.searchsorted(RECALLS, recall, side="right")
    first = np.diff(reached, axis=1, prepend=0)
    return np.where(num_gt[:, 0] > 0, (best * first).sum(axis=1) / len(RECALLS), np.nan)
