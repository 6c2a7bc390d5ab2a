"""What an operating point is chosen for."""

import math
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
            alarms, among those with at least this recall of Bad; "cost", the least cost of missed
            Bad images and false alarms.
        value: the least recall in (0, 1]; how many false alarms a missed Bad costs as much as.
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
            "cost": f"least cost, where a missed Bad costs as much as {self.value:.10g} false "
            "alarms",
        }[self.name]

    def rank(self, hits: np.ndarray, alarms: np.ndarray, bad: int) -> tuple[np.ndarray, ...]:
        """Return keys, [N] each, by which the highest is the best; the first goes before the next.

        Args:
            hits: [N] int, Bad images called Bad, out of `bad`.
            alarms: [N] int, Good images called Bad.
        """
        if self.name == "f1":
            return (hits / (hits + alarms + bad),)  # half of F1
        if self.name == "cost":
            return (-np.round(alarms + self.value * (bad - hits), 9),)
        # Capped, so that more recall than asked for is no gain; out of reach, the most there is.
        recall = np.minimum(hits / bad, self.value)
        return recall, hits / np.maximum(hits + alarms, 1), -alarms, hits
