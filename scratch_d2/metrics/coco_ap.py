"""Average precision of boxes and masks as COCO defines it, with intervals.

Figures equal those of pycocotools and of Detectron2's COCOEvaluator. Beyond them there are 95%
intervals, and AP by the width of scratches.
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
    max_detections: int = 100,
    resampling: Resampling | None = None,
) -> dict[str, dict[str, float]]:
    """Return `{"bbox": {"AP", "AP50", ...}, "segm": {...}}` in percent, 0..100.

    AP is the mean over IoU thresholds of 0.5 to 0.95, APs, APm and APl are COCO's by area, AP_thin,
    AP_mid and AP_wide those by width (`WIDTHS`). A figure is 0 where there are scratches and
    nothing was detected, and nan where there is no scratch of that size to find.

    Args:
        dicts: dataset dicts; annotations with iscrowd=1 neither reward nor punish.
        predictions: by image_id; an image without one counts as "nothing found".
        max_detections: how many detections of an image count, highest scores first.
        resampling: of the images; with it AP and AP50 come with 95% intervals, AP_low and so on.
    """
    as_it_is = resample(range(len(dicts)), replicates=0)
    masks, results = [true_masks(item) for item in dicts], {}
    for kind in KINDS:
        matched = match_dataset(dicts, masks, predictions, max_detections, kind)
        figures = {}
        for name, matches in matched.items():
            by_level = precision_by_level(matches, as_it_is)[:, 0]
            figures[name] = float(by_level.mean())
            if name == "AP":
                figures["AP50"], figures["AP75"] = float(by_level[0]), float(by_level[5])
        if resampling is not None:
            by_level = precision_by_level(matched["AP"], resampling)
            for name, drawn in (("AP", by_level.mean(axis=0)), ("AP50", by_level[0])):
                figures[f"{name}_low"], figures[f"{name}_high"] = interval(drawn)
        results[kind] = figures
    return results


def match_dataset(
    dicts: Sequence[Mapping[str, Any]],
    masks: Sequence[list[dict]],
    predictions: Mapping[Any, Prediction],
    most: int,
    kind: str,
) -> dict[str, Matches]:
    """Match boxes ("bbox") or masks ("segm") of a dataset, by figure: "AP", "APs" and so on."""
    truth = [true_regions(item, rles, kind) for item, rles in zip(dicts, masks)]
    nothing = Prediction.empty(0, 0)
    predicted = (predictions.get(item["image_id"], nothing) for item in dicts)
    found = [detected_regions(prediction, kind, most) for prediction in predicted]
    ranges = {f"AP{letter}": ("area", bounds) for letter, bounds in AREAS.items()}
    if kind == "segm":
        ranges |= {f"AP_{name}": ("width", bounds) for name, bounds in WIDTHS.items()}
    return match_images(truth, found, ranges)


def precision_by_level(matches: Matches, resampling: Resampling) -> np.ndarray:
    """Return [T, B]: average precision in percent at each IoU threshold, for each replicate.

    Precision at a recall is the highest at this or any higher recall, averaged over the recalls
    0, 0.01 ... 1. Only detections that are right raise recall, so it is enough to know how many
    wrong ones stand before each of them.
    """
    wanted = resampling.totals(matches.wanted[:, None].astype(float))  # [B, 1]
    return np.stack(
        [
            _precision_at(matches, level, wanted, resampling) * 100
            for level in range(len(IOU_THRESHOLDS))
        ]
    )


def _precision_at(
    matches: Matches, level: int, wanted: np.ndarray, resampling: Resampling
) -> np.ndarray:
    right = matches.right[level]
    wrong = ~right & ~matches.ignored[level]
    steps = int(right.sum())
    # Each right detection begins a step; a wrong one counts from the next right one on.
    place = np.cumsum(right) - right
    rights = resampling.blocks(matches.image[right], np.arange(steps), steps + 1)
    wrongs = resampling.blocks(matches.image[wrong], place[wrong], steps + 1)
    averages, start = np.full(len(wanted), np.nan), 0
    for hits, misses in zip(rights, wrongs):
        hits = np.cumsum(hits[:, :steps], axis=1)
        misses = np.cumsum(misses[:, :steps], axis=1)
        block = slice(start, start + len(hits))
        averages[block] = _average(hits, misses, wanted[block])
        start = block.stop
    return averages


def _average(hits: np.ndarray, misses: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Average the precision over `RECALLS` from counts [B, K] before and at each right detection.

    nan where nothing is wanted.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = hits / wanted
        precision = hits / (hits + misses + np.spacing(1))
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    reached = np.searchsorted(RECALLS, recall, side="right")
    first = np.diff(reached, axis=1, prepend=0)
    return np.where(wanted[:, 0] > 0, (best * first).sum(axis=1) / len(RECALLS), np.nan)
