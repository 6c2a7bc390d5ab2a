"""Keep thresholds that were calibrated before, unless newly chosen ones are better on other images.

Thresholds chosen on few images fit their noise. The current ones were chosen on other images, so
that their metrics here are honest, and those of the new ones are if they are cross-validated.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scratch_d2.calibration.goal import Goal
from scratch_d2.calibration.metrics import VerdictMetrics
from scratch_d2.structures.thresholds import Thresholds, measures_alike, read_thresholds

KEPT = "kept"
# What thresholds.json says of how kept thresholds were chosen.
ORIGIN = ("goal", "dataset", "data_sha256", "date")


@dataclass(frozen=True)
class Former:
    """Thresholds that were calibrated before.

    Attributes:
        thresholds: those of a thresholds.json.
        origin: how they were chosen, by the names of `ORIGIN`; a missing one is None.
    """

    thresholds: Thresholds
    origin: Mapping[str, Any]

    @classmethod
    def read(cls, file: str | Path) -> "Former | None":
        """Read thresholds.json; None if it was never calibrated.

        Raises FileNotFoundError, or ValueError naming the file if it holds anything else.
        """
        thresholds, calibration = read_thresholds(file)
        if not calibration:
            return None
        stated = calibration.get(KEPT) or calibration
        return cls(thresholds, {name: stated.get(name) for name in ORIGIN})

    def why_not(self, start: Thresholds, data_sha256: str, review_share: float) -> str | None:
        """Return why these cannot be compared with thresholds chosen anew, or None if they can.

        Args:
            start: the thresholds that measured the areas and that a new choice begins with.
            data_sha256: hash of the images of the new choice.
            review_share: that of the new choice.
        """
        same = ("area_scaling", "review_disagreement")
        if not measures_alike(self.thresholds, start) or any(
            getattr(self.thresholds, name) != getattr(start, name) for name in same
        ):
            return "they judge areas in another way"
        if review_share or self.thresholds.review_band:
            return "a review band is asked for, or they have one"
        if self.origin["data_sha256"] == data_sha256:
            return "they were chosen on these very images"
        return None

    def to_dict(self, reason: str) -> dict[str, Any]:
        """Return what thresholds.json says of kept thresholds."""
        return {**self.origin, "reason": reason}


def why_keep(
    former: Former,
    here: VerdictMetrics,
    expected: VerdictMetrics | None,
    goal: Goal,
    positives: int,
) -> str | None:
    """Return why former thresholds are kept, in one sentence, or None if the new ones are better.

    Args:
        here: metrics of the former ones on the images.
        expected: metrics of the new ones on images that they were not chosen on; None if they
            could not be cross-validated.
        positives: number of Bad images.
    """
    if expected and goal.rank_of(expected, positives) > goal.rank_of(here, positives):
        return None
    new = (
        f"new ones reach {goal.format_value(expected, positives)} on images that they were not "
        "chosen on"
        if expected
        else "what new ones reach on other images is not known"
    )
    where = former.origin["dataset"] or "earlier images"
    reached = goal.format_value(here, positives)
    return f"the thresholds chosen on {where} are kept: they reach {reached} here, and {new}"
