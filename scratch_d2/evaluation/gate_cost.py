"""What the gate costs in recall, and what it saves."""

import numpy as np

from scratch_d2.evaluation.images import ImageTable, Judged


def gate_metrics(images: ImageTable, judged: Judged) -> dict[str, float]:
    """Return how the gate changes the verdicts of the area rule; {} without a gate.

    An image below the threshold of the gate is Good without a look by the detector.

    Keys:
        below_threshold: the share of such images; good_below_threshold and bad_below_threshold:
            their numbers.
        recall_lost: of the Bad images, the share that the area rule finds and the gate hides.
        fp_avoided: the number of Good images that the area rule calls Bad and the gate hides.
    """
    if "both" not in judged:
        return {}
    below, by_area, by_both = ~judged["gate"][0], judged["area"][0], judged["both"][0]
    hidden = by_area & ~by_both
    bad = images.y_true
    return {
        "below_threshold": float(below.mean()) if len(below) else np.nan,
        "good_below_threshold": float(np.count_nonzero(below & ~bad)),
        "bad_below_threshold": float(np.count_nonzero(below & bad)),
        "recall_lost": np.count_nonzero(hidden & bad) / bad.sum() if bad.any() else np.nan,
        "fp_avoided": float(np.count_nonzero(hidden & ~bad)),
    }
