"""Where the figures come from: by source family, by what the gate costs and saves, by stage."""

from collections.abc import Mapping

import numpy as np

from scratch_d2.evaluation.image_metrics import image_metrics
from scratch_d2.evaluation.images import ImageTable, Judged, families
from scratch_d2.inspection.verdict import Thresholds, passes_gate

FAMILY_FIGURES = ("precision_bad", "recall_bad", "F1_bad", "AUC")
STAGES = ("read", "gate", "detector", "rule")


def family_metrics(images: ImageTable, judged: Judged) -> dict[str, float]:
    """Return the figures of each source family of file names as `<family>_<figure>`.

    Each has images, bad, and the figures of `FAMILY_FIGURES` with their intervals. Nothing where
    all images are of one family.
    """
    family = np.array(families(images.file))
    called_bad, score = judged.get("both", judged["area"])
    figures: dict[str, float] = {}
    names = sorted(set(family))
    for name in names if len(names) > 1 else []:
        own = family == name
        part = images.select(own)
        found = image_metrics(part.bad, called_bad[own], score[own], part.group)
        figures[f"{name}_images"], figures[f"{name}_bad"] = float(own.sum()), float(part.bad.sum())
        for figure in FAMILY_FIGURES:
            for end in ("", "_low", "_high"):
                figures[f"{name}_{figure}{end}"] = found[f"{figure}{end}"]
    return figures


def gate_metrics(images: ImageTable, judged: Judged) -> dict[str, float]:
    """Return what the gate's skipping does to the area rule; nothing without a gate.

    `skipped` is the share of images that it lets pass, `recall_lost` the share of the Bad that the
    area rule alone would have found and the gate let pass, `false_alarms_avoided` the number of
    Good images likewise.
    """
    if "both" not in judged:
        return {}
    passed, alone, together = ~judged["gate"][0], judged["area"][0], judged["both"][0]
    lost = alone & ~together
    bads = np.count_nonzero(images.bad)
    return {
        "skipped": float(passed.mean()) if len(passed) else np.nan,
        "skipped_good": float(np.count_nonzero(passed & ~images.bad)),
        "skipped_bad": float(np.count_nonzero(passed & images.bad)),
        "recall_lost": np.count_nonzero(lost & images.bad) / bads if bads else np.nan,
        "false_alarms_avoided": float(np.count_nonzero(lost & ~images.bad)),
    }


def speed_metrics(
    seconds: Mapping[str, float], images: ImageTable, thresholds: Thresholds
) -> dict[str, float]:
    """Return milliseconds per image of each stage that was timed, `ms_<stage>`.

    Where all were, `ms_inspect` is what an image costs as it is inspected, the detector seeing only
    those that the gate does not let pass; with a gate, `ms_without_gate` is the cost of sending all
    to the detector, and `saved` the share of it that the gate saves.

    Args:
        seconds: of all N images, by the names of `STAGES`.
    """
    speed = {f"ms_{s}": 1000 * seconds[s] / max(len(images), 1) for s in STAGES if s in seconds}
    gated = images.p_bad is not None
    if not {"read", "detector", "rule"} <= seconds.keys() or not len(images):
        return speed
    without = speed["ms_read"] + speed["ms_detector"] + speed["ms_rule"]
    if not gated:
        return {**speed, "ms_inspect": without}
    looked = 1 - np.mean([passes_gate(p, thresholds) for p in images.p_bad])
    behind_gate = looked * (speed["ms_detector"] + speed["ms_rule"])
    inspect = speed["ms_read"] + speed.get("ms_gate", 0.0) + behind_gate
    speed |= {"ms_inspect": inspect, "ms_without_gate": without, "saved": 1 - inspect / without}
    return {name: float(value) for name, value in speed.items()}
