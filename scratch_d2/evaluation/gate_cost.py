"""What the gate costs and saves."""

import numpy as np

from scratch_d2.evaluation.images import ImageTable, Judged


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
