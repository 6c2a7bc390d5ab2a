"""The verdict: a pure function of gate score, detections and thresholds.

Below the gate threshold an image is Good, from the upper gate threshold on it is Bad, and in
between the area rule decides.
"""

import math
from dataclasses import dataclass

import numpy as np

from scratch_d2.structures.areas import counts, measure_area
from scratch_d2.structures.labels import BAD, GOOD, REVIEW, UNJUDGED
from scratch_d2.structures.prediction import Prediction
from scratch_d2.structures.scaling import limit_at, scale_area
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.structures.wording import AREA_OF, LEAST_STATED, format_areas, format_shares

TIE_BREAK = 1e-6
BELOW_1 = 1 - 2.0**-53


@dataclass(frozen=True)
class Verdict:
    """What is to be done with one image, and why.

    Attributes:
        label: "good", "bad" or "review".
        area: scratch area in the unit of the thresholds; 0 if the gate alone calls it Good.
        p_bad: score of the gate in 0..1, or None without a gate.
        reason: one sentence.
    """

    label: str
    area: float
    p_bad: float | None
    reason: str


def gate_label(p_bad: float | None, thresholds: Thresholds) -> str | None:
    """Return what the gate alone decides: "good", "bad", or None if the area rule decides.

    Raises ValueError if the score is no finite number.
    """
    if p_bad is None:
        return None
    if not math.isfinite(p_bad):
        raise ValueError(f"the gate's score must be a number in 0..1, but got {p_bad}")
    if p_bad < thresholds.gate_threshold:
        return GOOD
    upper = thresholds.gate_upper_threshold
    return BAD if upper is not None and p_bad >= upper else None


def needs_detector(p_bad: float | None, thresholds: Thresholds) -> bool:
    """Whether the detector has to look: always but for images that the gate calls Good."""
    return thresholds.review_disagreement or gate_label(p_bad, thresholds) != GOOD


def area_label(area: float, p_bad: float | None, thresholds: Thresholds) -> str:
    """Return "good", "bad" or "review" by the area rule.

    Args:
        area: in the unit of the thresholds.
        p_bad: in 0..1, or None without a gate; it matters only if areas are scaled.
    """
    scaled = scale_area(area, p_bad, thresholds)
    low, high = thresholds.review_band or (math.inf, math.inf)
    if low <= scaled < high:
        return REVIEW
    return BAD if scaled >= thresholds.area else GOOD


def decide(area: float, p_bad: float | None, thresholds: Thresholds) -> str:
    """Return "good", "bad" or "review" for a scratch area and the score of the gate.

    Args:
        area: in the unit of the thresholds; ignored if the gate alone decides.
        p_bad: in 0..1, or None without a gate.

    >>> limits = Thresholds(area=0.01, area_unit="fraction", gate_threshold=0.6)
    >>> decide(0.02, 0.5, limits), decide(0.02, 0.7, limits), decide(0.005, 0.7, limits)
    ('good', 'bad', 'good')
    """
    gate, rule = gate_label(p_bad, thresholds), area_label(area, p_bad, thresholds)
    if thresholds.review_disagreement and {gate, rule} == {GOOD, BAD}:
        return REVIEW
    return gate or rule


def decision_scores(
    area: np.ndarray, p_bad: np.ndarray | None, thresholds: Thresholds
) -> np.ndarray:
    """Return [N] float64, how near each image is to not being called Good: from 1 on it is not.

    Each condition of `decide` is measured as a share of its threshold; if both of two conditions
    must hold the smaller share counts, if one of two is enough the larger. So one number ranks
    images as gate and area rule together judge them. Below 1 a millionth of p(Bad) is added, which
    ranks the images on which no scratch was found.

    Args:
        area: [N] in the unit of the thresholds.
        p_bad: [N] in 0..1, or None without a gate.
    """
    limit = min(thresholds.area, *(thresholds.review_band or (math.inf,)))
    score = _share(scale_area(area, p_bad, thresholds), limit)
    if p_bad is None:
        return score
    if not thresholds.review_disagreement:
        score = np.minimum(score, _share(p_bad, thresholds.gate_threshold))
    upper = thresholds.gate_upper_threshold
    score = score if upper is None else np.maximum(score, _share(p_bad, upper))
    return np.where(score < 1, np.minimum(score + TIE_BREAK * p_bad, BELOW_1), score)


def _share(values: np.ndarray, threshold: float) -> np.ndarray:
    values = np.asarray(values, float)
    with np.errstate(over="ignore"):
        return values / threshold if threshold > 0 else np.full(values.shape, math.inf)


def judge(prediction: Prediction | None, p_bad: float | None, thresholds: Thresholds) -> Verdict:
    """Judge one image.

    Args:
        prediction: what the detector found; None only if `needs_detector` is False.
        p_bad: score of the gate in 0..1, or None without a gate.

    >>> judge(Prediction.empty(90, 300), 0.7, Thresholds(gate_threshold=0.6)).reason
    'Good: suspicious (suspicion 70%, limit 60%), but no scratch found'
    """
    if prediction is None:
        if p_bad is None or needs_detector(p_bad, thresholds):
            raise ValueError("this image needs the prediction of a detector, got None")
        return Verdict(GOOD, 0.0, p_bad, explain(0, 0.0, p_bad, thresholds))
    scratches = int(counts(prediction, thresholds).sum())
    area = measure_area(prediction, thresholds)
    label, reason = decide(area, p_bad, thresholds), explain(scratches, area, p_bad, thresholds)
    is_cleared = label == gate_label(p_bad, thresholds) == GOOD
    return Verdict(label, 0.0 if is_cleared else area, p_bad, reason)


def not_judged(doubt: str, p_bad: float | None) -> Verdict:
    """Return the verdict on an image that no model can judge, for the reason given."""
    return Verdict(REVIEW, 0.0, p_bad, f"{REVIEW.capitalize()}: {UNJUDGED}: {doubt}")


def explain(scratches: int, area: float, p_bad: float | None, thresholds: Thresholds) -> str:
    """Return the reason of a verdict in one sentence; scratch_d2/report/wording.js gives the same.

    Args:
        scratches: how many instances count.
        area: in the unit of the thresholds.
        p_bad: in 0..1, or None without a gate.
    """
    gate, label = gate_label(p_bad, thresholds), decide(area, p_bad, thresholds)
    text = found = _describe_scratches(scratches, area, p_bad, thresholds)
    if p_bad is not None:
        suspicion = _describe_suspicion(p_bad, gate, thresholds)
        if gate is None and label == GOOD and not scratches:
            text = f"suspicious {suspicion}, but {found}"
        elif gate is not None:
            text = f"{'nothing' if gate == GOOD else 'very'} suspicious {suspicion}"
            joint = ", but " if label == REVIEW else "; "
            text += "" if gate == label == GOOD else joint + found
    return f"{label.capitalize()}: {text}"


def _describe_suspicion(p_bad: float, gate: str | None, thresholds: Thresholds) -> str:
    """State the gate's score beside the limit that decided."""
    upper = thresholds.gate_upper_threshold
    limit = upper if gate == BAD and upper is not None else thresholds.gate_threshold
    score, bound = format_shares([p_bad, limit])
    return f"(suspicion {score}, limit {bound})"


def _describe_scratches(
    scratches: int, area: float, p_bad: float | None, thresholds: Thresholds
) -> str:
    """Say what was found, beside the limits of the area at this suspicion."""
    label = area_label(area, p_bad, thresholds)
    if not scratches and label == GOOD:
        return "no scratch found"
    band = thresholds.review_band if label == REVIEW else None
    limits = [limit_at(limit, p_bad, thresholds) for limit in band or [thresholds.area]]
    is_scaled = p_bad is not None and thresholds.area_scaling != "none"
    # How small a limit is that leaves next to nothing says little.
    least = LEAST_STATED[thresholds.area_unit]
    is_tiny = is_scaled and band is None and limits[0] < least <= area
    covered, *bounds = format_areas([area, *([least] if is_tiny else limits)], thresholds.area_unit)
    bound = f"review from {' to '.join(bounds)}" if band else f"limit {bounds[0]}"
    bound = f"limit below {bounds[0]}" if is_tiny else bound
    # If the gate decided, its suspicion has been stated.
    if p_bad is not None and is_scaled and not gate_label(p_bad, thresholds):
        bound += f" at a suspicion of {format_shares([p_bad])[0]}"
    if not scratches:
        return f"no scratch found ({bound})"
    found = "1 scratch covers" if scratches == 1 else f"{scratches} scratches cover"
    how = ", weighted by score" if thresholds.area_method == "weighted" else ""
    return f"{found} {covered}{AREA_OF.get(thresholds.area_unit, '')}{how} ({bound})"
