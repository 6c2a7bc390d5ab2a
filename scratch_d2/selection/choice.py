"""Choose the photographs whose labels would teach most: doubtful, new, no two of one burst."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scratch_d2.selection.candidates import Candidates
from scratch_d2.selection.coverage import distances_to, spread
from scratch_d2.selection.doubt import disagreement, nearness
from scratch_d2.structures.doubt import area_limit, log_odds
from scratch_d2.structures.labels import REVIEW
from scratch_d2.structures.scaling import limit_at
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.structures.wording import AREA_OF, format_areas, format_shares

# Weight of a photograph whose verdict is beyond doubt; 1 is that of one at a threshold.
LEAST_WEIGHT = 0.1
# From this doubt on it is named as the reason; below, the photograph is chosen for being new.
NAMED = 0.5


@dataclass(frozen=True)
class Choice:
    """A chosen photograph.

    Attributes:
        index: of the candidate.
        score: 0..2, weight of the doubt times distance to the nearest photograph that has a label
            or was chosen before.
        reason: why it was chosen, in words.
    """

    index: int
    score: float
    reason: str


def choose(
    candidates: Candidates,
    embeddings: np.ndarray,
    labelled: np.ndarray,
    groups: Sequence[str],
    thresholds: Thresholds,
    count: int,
) -> list[Choice]:
    """Choose at most `count` of N candidates, the one that teaches most first.

    Args:
        embeddings: [N, C] of length 1.
        labelled: [M, C], those of photographs that have a label.
        groups: [N], source groups; at most one photograph of a group is chosen.
        thresholds: those that gave the verdicts.
    """
    weights = LEAST_WEIGHT + (1 - LEAST_WEIGHT) * _doubts(candidates, thresholds)
    distance = distances_to(embeddings, labelled)
    return [
        Choice(index, score, _explain(candidates, index, thresholds))
        for index, score in spread(embeddings, weights, distance, groups, count)
    ]


def doubts(area: np.ndarray, p_bad: np.ndarray, thresholds: Thresholds) -> np.ndarray:
    """Return [N] float64 in 0..1: the larger of `nearness` and `disagreement`."""
    near = nearness(area, p_bad, thresholds)
    return np.maximum(near, disagreement(area, p_bad, thresholds))


def most_doubtful(candidates: Candidates, thresholds: Thresholds, count: int) -> np.ndarray:
    """Return [M] int, sorted: the most doubtful half of `count`, and others evenly drawn."""
    if len(candidates) <= count:
        return np.arange(len(candidates))
    order = np.argsort(-_doubts(candidates, thresholds), kind="stable")
    rest = np.sort(order[count // 2 :])
    drawn = np.linspace(0, len(rest) - 1, count - count // 2).round().astype(int)
    return np.sort(np.concatenate([order[: count // 2], rest[drawn]]))


def _doubts(candidates: Candidates, thresholds: Thresholds) -> np.ndarray:
    """Return `doubts`, 1 for what is for review, and 0 for what cannot be judged."""
    doubt = doubts(candidates.area, candidates.p_bad, thresholds)
    doubt[[verdict == REVIEW for verdict in candidates.verdict]] = 1
    doubt[[why != "" for why in candidates.unjudged]] = 0
    return doubt


def _explain(candidates: Candidates, index: int, thresholds: Thresholds) -> str:
    """Say why a candidate was chosen."""
    if candidates.unjudged[index]:
        return candidates.unjudged[index]
    area, p_bad = candidates.area[index], candidates.p_bad[index]
    suspicion, area_text = format_shares([p_bad])[0], _area_text(area, p_bad, thresholds)
    if candidates.verdict[index] == REVIEW:
        return f"for review: suspicion {suspicion}, {area_text}"
    near = float(nearness(area, p_bad, thresholds))
    odds = float(disagreement(area, p_bad, thresholds))
    if max(near, odds) < NAMED:
        return "unlike the photographs that have a label or were chosen before"
    if odds >= near:
        return f"gate and detector disagree: suspicion {suspicion}, {area_text}"
    threshold = _nearest_gate_threshold(p_bad, thresholds)
    if abs(float(log_odds(p_bad) - log_odds(threshold))) <= -np.log(near) + 1e-9:
        suspicion, limit = format_shares([p_bad, threshold])
        return f"near a threshold: suspicion {suspicion}, threshold {limit}"
    at = f" at a suspicion of {suspicion}" if thresholds.area_scaling != "none" else ""
    return f"near the area limit: {area_text}{at}"


def _nearest_gate_threshold(p_bad: float, thresholds: Thresholds) -> float:
    upper = thresholds.gate_upper_threshold
    both = [thresholds.gate_threshold, *([] if upper is None else [upper])]
    return min(both, key=lambda t: abs(float(log_odds(p_bad) - log_odds(t))))


def _area_text(area: float, p_bad: float, thresholds: Thresholds) -> str:
    own_limit = limit_at(area_limit(thresholds), p_bad, thresholds)
    measured, limit = format_areas([area, own_limit], thresholds.area_unit)
    return f"scratch area {measured}, limit {limit}{AREA_OF.get(thresholds.area_unit, '')}"
