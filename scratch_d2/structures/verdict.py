"""The area rule: a pure function from gate score, prediction and thresholds to a verdict."""

import math
from dataclasses import dataclass

import numpy as np

from scratch_d2.structures.masks import scratch_area, union_of_rles
from scratch_d2.structures.prediction import Prediction
from scratch_d2.structures.thresholds import Thresholds


@dataclass(frozen=True)
class Verdict:
    """What is to be done with one image, and why.

    Attributes:
        label: "good", "bad" or "review".
        area: scratch area in the unit of the thresholds; 0 where the gate let the image pass.
        p_bad: score of the gate in 0..1, or None without a gate.
        reason: one sentence.
    """

    label: str
    area: float
    p_bad: float | None
    reason: str


def passes_gate(p_bad: float | None, thresholds: Thresholds) -> bool:
    """Whether the gate is sure enough that an image is Good; never without a gate."""
    if p_bad is None:
        return False
    if not math.isfinite(p_bad):
        raise ValueError(f"the gate's score must be a number in 0..1, but got {p_bad}")
    return not p_bad >= thresholds.gate_threshold


def counts(prediction: Prediction, thresholds: Thresholds) -> np.ndarray:
    """Return [N] bool: which instances count, those with a score at or above the threshold."""
    return prediction.scores >= np.float32(thresholds.score)


def scratch_mask(prediction: Prediction, thresholds: Thresholds) -> np.ndarray:
    """Return the union of the masks of all instances that count, as HxW bool."""
    counted = np.flatnonzero(counts(prediction, thresholds))
    masks = [prediction.masks[index] for index in counted]
    return union_of_rles(masks, prediction.height, prediction.width)


def measure_area(prediction: Prediction, thresholds: Thresholds) -> float:
    """Measure the scratch area of a prediction in the unit of the thresholds."""
    area = scratch_area(scratch_mask(prediction, thresholds), thresholds.area_method)
    if thresholds.area_unit == "fraction":
        area /= prediction.height * prediction.width
    return area


def label_of(area: float, thresholds: Thresholds) -> str:
    """Return "good", "bad" or "review" for a scratch area in the unit of the thresholds."""
    low, high = thresholds.review_band or (math.inf, math.inf)
    if low <= area < high:
        return "review"
    return "bad" if area >= thresholds.area else "good"


def judge(prediction: Prediction | None, p_bad: float | None, thresholds: Thresholds) -> Verdict:
    """Judge one image.

    Args:
        prediction: what the detector found; None only where the gate let the image pass.
        p_bad: score of the gate in 0..1, or None without a gate.
    """
    if passes_gate(p_bad, thresholds):
        reason = f"the gate's p(Bad) of {p_bad:.3f} is below {thresholds.gate_threshold:g}"
        return Verdict("good", 0.0, p_bad, reason)
    if prediction is None:
        raise ValueError("an image that the gate does not let pass needs a prediction, got None")
    area = measure_area(prediction, thresholds)
    count = int(counts(prediction, thresholds).sum())
    if count == 0:
        found = f"no scratch with a score of {thresholds.score:g} or more"
    else:
        found = f"{count} scratch{'es' if count > 1 else ''} of {_say(area, thresholds)} in all"
    label = label_of(area, thresholds)
    if label == "review":
        low, high = (_say(end, thresholds) for end in thresholds.review_band)
        reason = f"{found}, within {low} to {high}, for review"
        return Verdict("review", area, p_bad, reason)
    if label == "bad":
        reason = f"{found}, at or above the limit of {_say(thresholds.area, thresholds)}"
        return Verdict("bad", area, p_bad, reason)
    if count:
        found += f", below the limit of {_say(thresholds.area, thresholds)}"
    return Verdict("good", area, p_bad, found)


def _say(area: float, thresholds: Thresholds) -> str:
    return f"{area:.2%} of the image" if thresholds.area_unit == "fraction" else f"{area:g} px"
