"""Decisions that are close: a faster computation might decide them otherwise."""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from scratch_d2.structures.areas import measure_area
from scratch_d2.structures.prediction import Prediction
from scratch_d2.structures.scaling import scale_area
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.structures.verdict import area_label


class Margins(NamedTuple):
    """How near a decision is close.

    Attributes:
        logit: of p(Bad), in logits.
        score: of a detection.
        area: of scratches, by its share.
        distance: from the Good images of the training, by its share.
    """

    logit: float
    score: float
    area: float
    distance: float


# By the precision of a prediction (`scratch_d2.checkpoints.precision`): about twice what 99% of its
# differences from the exact one stay below (benchmarks/precision.py).
MARGINS = {
    "bfloat16": Margins(logit=0.25, score=0.04, area=0.1, distance=0.02),
    "float32": Margins(logit=1e-3, score=1e-3, area=0.01, distance=1e-3),
}


def gate_is_close(p_bad: float, thresholds: Thresholds, margins: Margins) -> bool:
    """Whether a gate that computes a little differently might decide otherwise."""
    limits = (thresholds.gate_threshold, thresholds.gate_upper_threshold)
    return any(_is_near(p_bad, limit, margins.logit) for limit in limits if limit is not None)


def verdict_is_close(
    prediction: Prediction, p_bad: float | None, thresholds: Thresholds, margins: Margins
) -> bool:
    """Whether models that compute a little differently might lead to another label.

    Args:
        p_bad: in 0..1, or None without a gate. If areas are scaled by it, its margin counts too.
    """
    least = measure_area(_rescored(prediction, -margins.score), thresholds) * (1 - margins.area)
    most = measure_area(_rescored(prediction, margins.score), thresholds) * (1 + margins.area)
    ends = (least, _moved(p_bad, -margins.logit)), (most, _moved(p_bad, margins.logit))
    labels = {area_label(*end, thresholds) for end in ends}
    low, high = (float(scale_area(*end, thresholds)) for end in ends)
    band = thresholds.review_band
    return len(labels) > 1 or (band is not None and low < band[0] <= high)


def distance_is_close(distance: float, limit: float, margins: Margins) -> bool:
    """Whether a gate that computes a little differently might find an image on the other side."""
    return abs(distance - limit) <= margins.distance * limit


def _rescored(prediction: Prediction, change: float) -> Prediction:
    """Return a prediction whose scores are all higher or lower by so much, within 0..1."""
    return replace(prediction, scores=np.clip(prediction.scores + np.float32(change), 0, 1))


def _moved(p_bad: float | None, logits: float) -> float | None:
    if p_bad is None or not 0 < p_bad < 1:
        return p_bad
    return 1 / (1 + math.exp(-_logit(p_bad) - logits))


def _is_near(p_bad: float, limit: float, margin: float) -> bool:
    if not (0 < p_bad < 1 and 0 < limit < 1):
        return p_bad == limit
    return abs(_logit(p_bad) - _logit(limit)) < margin


def _logit(p: float) -> float:
    return math.log(p / (1 - p))
