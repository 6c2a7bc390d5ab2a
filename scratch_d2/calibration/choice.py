"""Choose thresholds for a goal, cross-validate the choice, and warn about its limits."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from scratch_d2.calibration.goal import Goal
from scratch_d2.calibration.keeping import KEPT, Former, why_keep
from scratch_d2.calibration.metrics import (
    VerdictMetrics,
    give_verdicts,
    measure,
    measure_verdicts,
    to_dict,
)
from scratch_d2.calibration.search import Upper, choose_thresholds
from scratch_d2.data.split import deal_groups
from scratch_d2.evaluation.images import ImageTable
from scratch_d2.structures.scaling import check_scaling
from scratch_d2.structures.thresholds import RULES, Thresholds, measures_alike
from scratch_d2.utils.progress import track

FOLDS = 5
# A calibration on fewer Bad or fewer Good images than this comes with a warning.
FEW = 20


@dataclass(frozen=True)
class Calibration:
    """Thresholds for a goal, and their metrics.

    Attributes:
        goal: the goal, or the name of a rule.
        method: the goal in words.
        review_share: the largest share of images for review that was asked for, 0..1.
        thresholds: the chosen ones, or the current ones if none could be chosen.
        metrics: of these thresholds on the images they were chosen on, see `measure_verdicts`;
            None without images.
        expected: the same metrics from cross-validation, which estimate those on other images of
            the same kind; None if cross-validation was not possible.
        warnings: one sentence each.
        chosen: whether thresholds could be chosen.
        kept: if the current thresholds are kept, how they were chosen and the `reason` in one
            sentence; else None. Their `expected` metrics are those here, because they were chosen
            on other images.
    """

    goal: str
    method: str
    review_share: float
    thresholds: Thresholds
    metrics: VerdictMetrics | None
    expected: VerdictMetrics | None
    warnings: tuple[str, ...]
    chosen: bool = True
    kept: dict[str, Any] | None = None

    def to_dict(self, **metadata: Any) -> dict[str, Any]:
        """Return the calibration as thresholds.json holds it, with metadata of data and weights."""
        return {
            "method": self.method,
            "goal": self.goal,
            "review_share": self.review_share,
            **metadata,
            "date": date.today().isoformat(),
            "metrics": to_dict(self.metrics),
            "expected": to_dict(self.expected),
            "warnings": list(self.warnings),
            KEPT: self.kept,
        }


def calibrate(
    images: ImageTable,
    thresholds: Thresholds,
    goal: Goal | str,
    review_share: float = 0.0,
    former: Former | None = None,
) -> Calibration:
    """Choose gate thresholds, area threshold and review band on labelled images.

    Args:
        images: validation images, never test images, with areas measured by `thresholds`.
        thresholds: the current ones. Score threshold, area method, unit and scaling stay.
        goal: "f1", "recall=0.98", "cost=10", or a name of `RULES`, which is only measured.
        review_share: at most this share of the images, in 0..1, is for review.
        former: thresholds chosen on other images, to be kept unless new ones are better in
            cross-validation; `Former.why_not` says which can be. None always chooses anew.

    Raises ValueError for an unknown goal, a share outside 0..1, a rule that measures areas in
    another way than `thresholds` or is given a review share, and for areas that are to be scaled
    by scores of a gate that is not there.
    """
    goal = read_goal(goal, review_share)
    if isinstance(goal, str):
        return _measure_rule(images, thresholds, goal)
    check_scaling(thresholds, images.p_bad is not None or not len(images))
    chosen, expected, kept = thresholds, None, None
    warnings: list[str] = []
    if reason := _why_impossible(images):
        warnings.append(f"{reason}; the thresholds stay as they were")
    else:
        upper, expected, warning = _choose_upper(images, thresholds, goal, review_share)
        chosen = choose_thresholds(images, thresholds, goal, review_share, upper)
        warnings += [warning] if warning else []
        if former and (kept := _keep(images, former, goal, expected)):
            chosen, expected = former.thresholds, measure(images, former.thresholds)
    metrics = measure(images, chosen)
    if metrics is not None and not reason:
        warnings = _warnings(images, goal, metrics, expected, bool(kept)) + warnings
    return Calibration(
        goal=str(goal),
        method=goal.describe(),
        review_share=review_share,
        thresholds=chosen,
        metrics=metrics,
        expected=expected,
        warnings=tuple(warnings),
        chosen=not reason,
        kept=kept,
    )


def _keep(
    images: ImageTable, former: Former, goal: Goal, expected: VerdictMetrics | None
) -> dict[str, Any] | None:
    """Return what thresholds.json says of the former thresholds if they are kept, or None."""
    here = measure(images, former.thresholds)
    reason = here and why_keep(former, here, expected, goal, int(images.y_true.sum()))
    return former.to_dict(reason) if reason else None


def read_goal(goal: Goal | str, review_share: float = 0.0) -> Goal | str:
    """Parse a goal, or return the name of a rule; raises ValueError as `calibrate` does."""
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
    images: ImageTable,
    thresholds: Thresholds,
    goal: Goal,
    review_share: float,
    upper: Upper = "none",
) -> tuple[VerdictMetrics | None, str | None]:
    """Return metrics on images that the thresholds were not chosen on, or None and the reason.

    Groups are dealt to up to five folds. Each fold is judged by the thresholds chosen on the
    others, and the verdicts of all folds are pooled.
    """
    fold_of = deal_folds(images)
    if fold_of is None:
        reason = "all Bad or all Good images are of one group"
        return None, f"{reason}; cross-validation needs two"
    pooled = np.zeros((len(images), 4))
    for fold in track(np.unique(fold_of), "cross-validating", unit="fold"):
        held, rest = fold_of == fold, images.select(fold_of != fold)
        if hindrance := _why_impossible(rest):
            return None, f"no cross-validation: in a part of the groups {hindrance}"
        chosen = choose_thresholds(rest, thresholds, goal, review_share, upper)
        pooled[held] = give_verdicts(images.select(held), chosen)
    return measure_verdicts(images, pooled), None


def _choose_upper(
    images: ImageTable, thresholds: Thresholds, goal: Goal, review_share: float
) -> tuple[Upper, VerdictMetrics | None, str | None]:
    """Return which upper gate threshold to choose, what to expect of it, and a warning.

    On few images one more threshold fits them better and others worse, so only metrics of images
    that the thresholds were not chosen on decide. "sure" need only be as good as none: it is for
    images on which the detector finds nothing although the gate is sure.
    """
    options = images, thresholds, goal, review_share
    expected, warning = cross_validate(*options)
    if expected is None or images.p_bad is None:
        return "none", expected, warning
    found: dict[Upper, VerdictMetrics] = {"none": expected}
    for upper in ("sure", "best"):
        if metrics := cross_validate(*options, upper)[0]:
            found[upper] = metrics
    positives = int(images.y_true.sum())
    ranks = {name: goal.rank_of(metrics, positives) for name, metrics in found.items()}
    chosen = max(ranks, key=lambda name: (ranks[name], ("best", "none", "sure").index(name)))
    return chosen, found[chosen], warning


def deal_folds(images: ImageTable) -> np.ndarray | None:
    """Return the fold of each image, [N] int; None if all Bad or all Good are of one group."""
    groups = np.array(images.group)
    count = min(FOLDS, *(len(np.unique(groups[images.y_true == kind])) for kind in (True, False)))
    return None if count < 2 else deal_groups(images.group, images.y_true, [1 / count] * count)


def _measure_rule(images: ImageTable, thresholds: Thresholds, name: str) -> Calibration:
    rule = RULES[name]
    if not measures_alike(rule, thresholds):
        raise ValueError(
            f"rule {name!r} needs areas of {_format_measure(rule)}, but those of the images are of "
            f"{_format_measure(thresholds)}; evaluate the images with the former"
        )
    metrics = measure(images, rule)
    # Nothing was chosen on these images, so their metrics are not optimistic.
    return Calibration(name, f"the rule {name!r}", 0.0, rule, metrics, metrics, ())


def _format_measure(thresholds: Thresholds) -> str:
    return (
        f"method {thresholds.area_method!r} and unit {thresholds.area_unit!r} from a score of "
        f"{thresholds.score:g} on"
    )


def _why_impossible(images: ImageTable) -> str | None:
    """Return why no threshold can be chosen on images, or None if one can."""
    if not len(images):
        return "there are no images"
    if images.y_true.all() or not images.y_true.any():
        return f"all {len(images)} images are {'Bad' if images.y_true.all() else 'Good'}"
    if not images.area.any():
        return "no scratch was found on any image"
    if not images.area[images.y_true].any():
        return "no scratch was found on any Bad image"
    return None


def _warnings(
    images: ImageTable,
    goal: Goal,
    metrics: VerdictMetrics,
    expected: VerdictMetrics | None,
    is_kept: bool,
) -> list[str]:
    """Return the limits of a choice, one sentence each."""
    warnings = []
    for kind, count in (("Bad", int(images.y_true.sum())), ("Good", int((~images.y_true).sum()))):
        if count < FEW:
            low, high = (metrics[f"recall_{kind.lower()}_{end}"] for end in ("low", "high"))
            warnings.append(
                f"only {count} {kind} images: the 95% interval of their recall is "
                f"{high - low:.2f} wide, {low:.2f} to {high:.2f}"
            )
    if np.ptp(images.area) == 0:
        warnings.append(
            f"all areas are {images.area[0]:g}; the area threshold cannot separate them"
        )
    if goal.name == "recall" and metrics["recall_bad"] < goal.value and not is_kept:
        warnings.append(
            f"a recall of {goal.value:.10g} cannot be reached; the highest is "
            f"{metrics['recall_bad']:.4f}, as no scratch was detected on the other Bad images"
        )
    elif goal.name == "recall" and expected and expected["recall_bad"] < goal.value:
        warnings.append(
            f"expect a recall of {expected['recall_bad']:.4f} on other images, not the "
            f"{goal.value:.10g} asked for"
        )
    if metrics["tp"] + metrics["fp"] == 0:
        warnings.append("no image is judged Bad: at this cost false positives outweigh true ones")
    return warnings
