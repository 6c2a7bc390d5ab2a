"""Choose thresholds for a goal, cross-validate the choice, and say in words what limits it."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from scratch_d2.calibration.figures import Figures, give_verdicts, measure, measure_verdicts, state
from scratch_d2.calibration.goal import Goal
from scratch_d2.calibration.search import choose_thresholds
from scratch_d2.evaluation.images import ImageTable
from scratch_d2.structures.thresholds import RULES, Thresholds, measures_alike

FOLDS = 5
# With fewer Bad or fewer Good images than this, a calibration comes with a warning.
FEW = 20


@dataclass(frozen=True)
class Calibration:
    """Thresholds for a goal, and what they are worth.

    Attributes:
        goal: the goal, or the name of a rule.
        method: the same in words.
        review_share: what was asked for, 0..1.
        thresholds: the chosen ones; as they were before where nothing can be chosen.
        figures: of these thresholds on the images they were chosen on, see `measure_verdicts`;
            None without images.
        expected: what to expect on other images of the same kind: the same figures from
            cross-validation; None where that cannot be.
        warnings: one sentence each.
        chosen: whether there was anything to choose by.
    """

    goal: str
    method: str
    review_share: float
    thresholds: Thresholds
    figures: Figures | None
    expected: Figures | None
    warnings: tuple[str, ...]
    chosen: bool = True

    def block(self, **about: Any) -> dict[str, Any]:
        """Return what thresholds.json holds of it; `about` says on which data and weights."""
        return {
            "method": self.method,
            "goal": self.goal,
            "review_share": self.review_share,
            **about,
            "date": date.today().isoformat(),
            "figures": state(self.figures),
            "expected": state(self.expected),
            "warnings": list(self.warnings),
        }


def calibrate(
    images: ImageTable, thresholds: Thresholds, goal: Goal | str, review_share: float = 0.0
) -> Calibration:
    """Choose gate skip, area threshold and review band on labelled images.

    Args:
        images: validation images, areas measured by `thresholds`; never those of the test.
        thresholds: those before. Score threshold, area method and unit stay as they are.
        goal: "f1", "recall=0.98", "cost=10", or a name of `RULES`, which is measured only.
        review_share: at most this share of the images, in 0..1, goes to a person.

    Raises ValueError for an unknown goal, a share outside 0..1, or a rule that measures areas in
    another way than `thresholds` or is given a review share.
    """
    goal = read_goal(goal, review_share)
    if isinstance(goal, str):
        return _measure_rule(images, thresholds, goal)
    chosen, expected, warnings = thresholds, None, []
    if impossible := _impossible(images):
        warnings.append(f"{impossible}; the thresholds stay as they were")
    else:
        chosen = choose_thresholds(images, thresholds, goal, review_share)
        expected, unknown = cross_validate(images, thresholds, goal, review_share)
        warnings += [unknown] if unknown else []
    figures = measure(images, chosen)
    if not impossible:
        warnings = _doubts(images, goal, figures, expected) + warnings
    return Calibration(
        goal=str(goal),
        method=goal.describe(),
        review_share=review_share,
        thresholds=chosen,
        figures=figures,
        expected=expected,
        warnings=tuple(warnings),
        chosen=not impossible,
    )


def read_goal(goal: Goal | str, review_share: float = 0.0) -> Goal | str:
    """Return a goal, or the name of a rule as it is; raises ValueError as `calibrate` does."""
    if not 0 <= review_share <= 1:
        raise ValueError(f"review share is {review_share}; accepted is a number in 0..1")
    if goal not in RULES:
        return Goal.parse(goal) if isinstance(goal, str) else goal
    if review_share:
        raise ValueError(
            f"rule {goal!r} has no review band; a share of {review_share} needs a goal"
        )
    return goal


def cross_validate(
    images: ImageTable, thresholds: Thresholds, goal: Goal, review_share: float
) -> tuple[Figures | None, str | None]:
    """Return figures on images that the thresholds were not chosen on, or None and why not.

    Groups are dealt to up to five folds; each fold is judged by the thresholds chosen on the
    others, and the verdicts are pooled.
    """
    fold_of = deal_folds(images)
    if fold_of is None:
        reason = "all Bad or all Good images are of one group"
        return None, f"{reason}; without a second one there is no cross-validation"
    pooled = np.zeros((len(images), 4))
    for fold in np.unique(fold_of):
        held, rest = fold_of == fold, images.select(fold_of != fold)
        if impossible := _impossible(rest):
            return None, f"no cross-validation: in a part of the groups {impossible}"
        chosen = choose_thresholds(rest, thresholds, goal, review_share)
        pooled[held] = give_verdicts(images.select(held), chosen)
    return measure_verdicts(images, pooled), None


def deal_folds(images: ImageTable) -> np.ndarray | None:
    """Return the fold of each image, [N] int, groups whole; None where a kind has one group."""
    groups = np.unique(images.group, return_inverse=True)[1]
    count = min(FOLDS, *(len(np.unique(groups[images.bad == kind])) for kind in (True, False)))
    if count < 2:
        return None
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=0)
    fold_of = np.zeros(len(images), int)
    for fold, (_, held) in enumerate(splitter.split(groups, images.bad, groups)):
        fold_of[held] = fold
    return fold_of


def _measure_rule(images: ImageTable, thresholds: Thresholds, name: str) -> Calibration:
    rule = RULES[name]
    if not measures_alike(rule, thresholds):
        raise ValueError(
            f"rule {name!r} needs areas of {_say_measure(rule)}, but those of the images are of "
            f"{_say_measure(thresholds)}; evaluate with the former"
        )
    figures = measure(images, rule)
    # Nothing was chosen on these images, so they say themselves what to expect.
    return Calibration(name, f"the rule {name!r}", 0.0, rule, figures, figures, ())


def _say_measure(thresholds: Thresholds) -> str:
    return (
        f"method {thresholds.area_method!r} and unit {thresholds.area_unit!r} from a score of "
        f"{thresholds.score:g} on"
    )


def _impossible(images: ImageTable) -> str | None:
    """Say why no threshold can be chosen on images, or None where one can."""
    if not len(images):
        return "there are no images"
    if images.bad.all() or not images.bad.any():
        return f"all {len(images)} images are {'Bad' if images.bad.all() else 'Good'}"
    if not images.area.any():
        return "no scratch was found on any image"
    if not images.area[images.bad].any():
        return "no scratch was found on any Bad image"
    return None


def _doubts(
    images: ImageTable, goal: Goal, figures: Figures, expected: Figures | None
) -> list[str]:
    """Say what limits a choice, a sentence each."""
    doubts = []
    for kind, count in (("Bad", int(images.bad.sum())), ("Good", int((~images.bad).sum()))):
        if count < FEW:
            low, high = (figures[f"recall_{kind.lower()}_{end}"] for end in ("low", "high"))
            doubts.append(
                f"only {count} {kind} images: the 95% interval of their recall is "
                f"{high - low:.2f} wide, "
                f"{low:.2f} to {high:.2f}"
            )
    if np.ptp(images.area) == 0:
        doubts.append(f"all areas are {images.area[0]:g}; the area threshold tells none apart")
    if goal.name == "recall" and figures["recall_bad"] < goal.value:
        doubts.append(
            f"a recall of {goal.value:.10g} cannot be reached; the highest is "
            f"{figures['recall_bad']:.4f}, as no scratch was found on the other Bad images"
        )
    elif goal.name == "recall" and expected and expected["recall_bad"] < goal.value:
        doubts.append(
            f"on other images expect a recall of {expected['recall_bad']:.4f}, not the "
            f"{goal.value:.10g} asked for"
        )
    if figures["bad_as_bad"] + figures["good_as_bad"] == 0:
        doubts.append("no image is called Bad: at this cost false alarms outweigh what is found")
    return doubts
