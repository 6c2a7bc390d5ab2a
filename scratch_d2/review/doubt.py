"""How doubtful a verdict is: how far scores and area are from where it would be another one."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from scratch_d2.structures.areas import unit_scale
from scratch_d2.structures.doubt import at_odds, log_area, log_odds
from scratch_d2.structures.labels import BAD, GOOD, REVIEW
from scratch_d2.structures.scaling import limit_at, scale_area
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.structures.verdict import area_label, gate_label

# Logits, or logarithms of areas, within which a verdict counts as near another one.
NEAR = 0.7
FIRST, DOUBTFUL, CLEAR = range(3)


class Doubt(NamedTuple):
    """How doubtful a verdict is; the smaller, the more doubtful.

    Attributes:
        rank: 0 for review, 1 at odds or near a threshold, 2 clear.
        distance: from the nearest threshold, in logits of scores or logarithms of areas.
        why: the reason in a few words.
    """

    rank: int
    distance: float
    why: str


def doubt_of(row: Mapping[str, Any], thresholds: Thresholds) -> Doubt:
    """Return how doubtful the verdict of an inspected image is.

    Args:
        row: of results.jsonl, with status "ok".
    """
    distance, nearest = min(_distances(row, thresholds), default=(math.inf, ""))
    if row["verdict"] == REVIEW:
        return Doubt(FIRST, distance, "for review")
    if _at_odds(row, thresholds):
        return Doubt(DOUBTFUL, distance, "gate and detector disagree")
    if distance < NEAR:
        return Doubt(DOUBTFUL, distance, f"near the {nearest}")
    return Doubt(CLEAR, distance, "clear")


def _at_odds(row: Mapping[str, Any], thresholds: Thresholds) -> bool:
    """Whether the gate takes for Bad what the area rule takes for Good, or the other way round."""
    p_bad = row.get("p_bad")
    if p_bad is None or not _detector_looked(row, thresholds):
        return False
    return bool(at_odds(row["area"], p_bad, thresholds))


def _detector_looked(row: Mapping[str, Any], thresholds: Thresholds) -> bool:
    gate = gate_label(row.get("p_bad"), thresholds)
    return gate != GOOD or bool(row["instances"])


def _distances(row: Mapping[str, Any], thresholds: Thresholds) -> list[tuple[float, str]]:
    """Return how far the image is from each threshold that would change its verdict."""
    p_bad = row.get("p_bad")
    gate, label = gate_label(p_bad, thresholds), area_label(row["area"], p_bad, thresholds)
    upper = thresholds.gate_upper_threshold
    distances = []
    if p_bad is not None and (gate == GOOD or (gate is None and label != GOOD)):
        distances.append((_between(p_bad, thresholds.gate_threshold), "gate threshold"))
    if p_bad is not None and upper is not None and (gate == BAD or label != BAD):
        distances.append((_between(p_bad, upper), "upper gate threshold"))
    if gate is None:
        distances += [(_area_distance(row, thresholds), "area threshold")]
        distances += [(_score_distance(row, thresholds), "score threshold")]
    return distances


def _area_distance(row: Mapping[str, Any], thresholds: Thresholds) -> float:
    limits = (thresholds.area, *(thresholds.review_band or ()))
    here = log_area(scale_area(row["area"], row.get("p_bad"), thresholds), thresholds)
    return min(abs(float(here - log_area(limit, thresholds))) for limit in limits)


def _score_distance(row: Mapping[str, Any], thresholds: Thresholds) -> float:
    """Return how far the score threshold is from where the area rule would say the opposite."""
    limit = limit_at(thresholds.area, row.get("p_bad"), thresholds)
    limit /= unit_scale(row["height"], row["width"], thresholds)
    turning = _turning_score(row["instances"], limit)
    return math.inf if turning is None else _between(turning, thresholds.score)


def _turning_score(instances: Sequence[Mapping[str, Any]], limit: float) -> float | None:
    """Return the highest score threshold, 0..1, at which the areas in px add up to the limit."""
    area = 0.0
    for instance in sorted(instances, key=lambda each: -each["score"]):
        area += instance["area"]
        if area >= limit:
            return float(instance["score"])
    return None


def _between(score: float, other: float) -> float:
    return abs(float(log_odds(score) - log_odds(other)))
