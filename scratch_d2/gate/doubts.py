"""Why an image cannot be judged: no photograph of a label, or unlike those of the training."""

from collections.abc import Sequence

import numpy as np

from scratch_d2.gate.image_check import ImageCheck
from scratch_d2.gate.loading import GateScorer, familiarity_of
from scratch_d2.structures.labels import GOOD
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.structures.verdict import gate_label


def find_doubts(
    gate: GateScorer | None,
    check: ImageCheck,
    images: Sequence[np.ndarray],
    p_bad: Sequence[float | None],
    distances: Sequence[float] | np.ndarray,
    thresholds: Thresholds,
) -> dict[int, str]:
    """Return why images cannot be judged, by their index; most are not in it.

    That an image is far from Good ones is a reason only if the gate calls it Good.

    Args:
        images: HxWx3 uint8 RGB each.
        p_bad, distances: [N], as `score_images` returns them.
    """
    familiarity, doubts = familiarity_of(gate), {}
    for index, (image, p) in enumerate(zip(images, p_bad, strict=True)):
        doubt = check.doubt(image)
        if familiarity and not doubt and gate_label(p, thresholds) == GOOD:
            doubt = familiarity.doubt(distances[index])
        if doubt:
            doubts[index] = doubt
    return doubts
