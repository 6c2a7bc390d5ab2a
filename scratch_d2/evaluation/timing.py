"""Milliseconds per image, stage by stage."""

from collections.abc import Mapping

import numpy as np

from scratch_d2.evaluation.images import ImageTable
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.structures.verdict import needs_detector

STAGES = ("read", "gate", "detector", "rule")


def speed_metrics(
    seconds: Mapping[str, float], images: ImageTable, thresholds: Thresholds
) -> dict[str, float]:
    """Return the milliseconds per image of each timed stage, `ms_<stage>`.

    If all stages were timed, `ms_inspect` is the time per image of an inspection, in which the
    detector runs only on images that reach the threshold of the gate. With a gate,
    `ms_without_gate` is the time if the detector ran on all images, and `saved` is the share of it
    that the gate saves.

    Args:
        seconds: for all N images together, by the names of `STAGES`.
    """
    speed = {f"ms_{s}": 1000 * seconds[s] / max(len(images), 1) for s in STAGES if s in seconds}

    if not {"read", "detector", "rule"} <= seconds.keys() or not len(images):
        return speed
    without = speed["ms_read"] + speed["ms_detector"] + speed["ms_rule"]
    if images.p_bad is None:
        return {**speed, "ms_inspect": without}
    detected = 1 - np.mean([not needs_detector(p, thresholds) for p in images.p_bad])
    behind_gate = detected * (speed["ms_detector"] + speed["ms_rule"])
    inspect = speed["ms_read"] + speed.get("ms_gate", 0.0) + behind_gate
    speed |= {"ms_inspect": inspect, "ms_without_gate": without, "saved": 1 - inspect / without}
    return {name: float(value) for name, value in speed.items()}
