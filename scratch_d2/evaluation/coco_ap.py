"""COCO average precision of boxes and masks, by pycocotools."""

import contextlib
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from scratch_d2.data.coco import to_coco, to_coco_results
from scratch_d2.engines.base import Prediction

NAMES = ("AP", "AP50", "AP75", "APs", "APm", "APl")
KINDS = ("bbox", "segm")


def average_precision(
    dicts: Sequence[Mapping[str, Any]],
    predictions: Mapping[Any, Prediction],
    max_detections: int = 100,
) -> dict[str, dict[str, float]]:
    """Return `{"bbox": {"AP", "AP50", ...}, "segm": {...}}` in percent, 0..100.

    A figure is 0 where there are scratches and nothing was detected, and nan where there is no
    scratch of that size to find.

    Args:
        dicts: dataset dicts; annotations with iscrowd=1 neither reward nor punish.
        predictions: by image_id; an image without one counts as "nothing found".
        max_detections: how many detections of an image count, highest scores first.
    """
    truth = COCO()
    truth.dataset = to_coco(dicts)
    results = [r for id_, p in predictions.items() for r in to_coco_results(id_, p)]
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        detected = truth.loadRes(results) if results else _nothing(truth)
        return {kind: _evaluate(truth, detected, kind, max_detections) for kind in KINDS}


def _nothing(truth: COCO) -> COCO:
    """Return COCO results without detections, which `loadRes` cannot make."""
    empty = COCO()
    empty.dataset = {**truth.dataset, "annotations": []}
    empty.createIndex()
    return empty


def _evaluate(truth: COCO, detected: COCO, kind: str, max_detections: int) -> dict[str, float]:
    evaluation = COCOeval(truth, detected, kind)
    # The summary of pycocotools reads AP at the third entry, whatever its value.
    evaluation.params.maxDets = [1, 10, max_detections]
    evaluation.evaluate()
    evaluation.accumulate()
    precision = evaluation.eval["precision"]  # [IoU, recall, class, area range, max detections]
    half, three_quarters = 0, 5  # IoU 0.50 and 0.75 in steps of 0.05
    chosen = {
        "AP": precision[:, :, :, 0, -1],
        "AP50": precision[half, :, :, 0, -1],
        "AP75": precision[three_quarters, :, :, 0, -1],
        "APs": precision[:, :, :, 1, -1],
        "APm": precision[:, :, :, 2, -1],
        "APl": precision[:, :, :, 3, -1],
    }
    valid = {name: values[values > -1] for name, values in chosen.items()}
    return {n: float(v.mean() * 100) if v.size else math.nan for n, v in valid.items()}
