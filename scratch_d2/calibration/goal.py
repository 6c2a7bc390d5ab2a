"""The goals that thresholds can be chosen for."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scratch_d2.structures.thresholds import RULES

MOST_COST = 1e6
ACCEPTED = (
    "f1, recall=R with R above 0 and up to 1, cost=C with C above 0 and up to 1e6, and the "
    f"{'rules' if len(RULES) > 1 else 'rule'} {', '.join(RULES)}"
)


@dataclass(frozen=True)
class Goal:
    """What makes one operating point better than another.

    Attributes:
        name: "f1", the highest F1 of Bad; "recall", the highest precision, then the fewest false
            positives, with at least this recall of Bad; "cost", the lowest cost of false negatives
            and false positives.
        value: the lowest accepted recall in (0, 1]; the cost of a false negative, if a false
            positive costs 1.

    Raises ValueError for an unknown name or a value out of its range.
    """

    name: str
    value: float = 0.0

    def __post_init__(self) -> None:
        highest = {"f1": 0.0, "recall": 1.0, "cost": MOST_COST}.get(self.name, math.nan)
        if not (self.value <= highest and (self.value > 0 or self.name == "f1")):
            raise ValueError(f"goal {self.name}={self.value} is unknown; accepted are {ACCEPTED}")

    @classmethod
    def parse(cls, text: str) -> "Goal":
        """Read "f1", "recall=0.98" or "cost=10"; ValueError for anything else."""
        name, separator, value = text.partition("=")
        try:
            if bool(separator) == (name == "f1"):
                raise ValueError
            return cls(name, float(value or 0))
        except ValueError:
            raise ValueError(f"goal {text!r} is unknown; accepted are {ACCEPTED}") from None

    def __str__(self) -> str:
        return "f1" if self.name == "f1" else f"{self.name}={self.value:.10g}"

    def describe(self) -> str:
        """Return the goal in words."""
        return {
            "f1": "highest F1 of Bad",
            "recall": f"highest precision of Bad with a recall of at least {self.value:.10g}",
            "cost": "lowest cost, if a missed Bad image costs as much as "
            f"{self.value:.10g} false positives",
        }[self.name]

    def rank(self, tp: np.ndarray, fp: np.ndarray, positives: int) -> tuple[np.ndarray, ...]:
        """Return sort keys, [K] each, of K operating points; the highest is the best.

        A later key decides only between points that are equal in the keys before it.

        Args:
            tp: [K] int, Bad images judged Bad, out of `positives`.
            fp: [K] int, Good images judged Bad.
        """
        if self.name == "f1":
            return (tp / (tp + fp + positives),)  # half of F1
        if self.name == "cost":
            return (-np.round(fp + self.value * (positives - tp), 9),)
        # Capped: recall above the goal is no gain. If none reaches the goal, the highest is best.
        recall = np.minimum(tp / positives, self.value)
        return recall, tp / np.maximum(tp + fp, 1), -fp, tp

    def rank_of(self, metrics: Mapping[str, float], positives: int) -> tuple[float, ...]:
        """Return the keys of `rank` for metrics with the counts `tp` and `fp`."""
        tp, fp = (np.array([metrics[name]]) for name in ("tp", "fp"))
        return tuple(float(key[0]) for key in self.rank(tp, fp, positives))

    def format_value(self, metrics: Mapping[str, float], positives: int) -> str:
        """Return in words what metrics with `tp` and `fp` are worth for this goal.

        >>> Goal("cost", 3).format_value({"tp": 7, "fp": 2}, 8)
        'a cost of 5'
        """
        tp, fp = metrics["tp"], metrics["fp"]
        if self.name == "cost":
            return f"a cost of {fp + self.value * (positives - tp):.10g}"
        if self.name == "recall":
            return (
                f"a recall of {tp / positives:.3f} with a precision of {tp / max(tp + fp, 1):.3f}"
            )
        return f"an F1 of {2 * tp / (tp + fp + positives):.3f}"
