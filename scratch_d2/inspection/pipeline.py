"""Gate, then detector, then area rule, for a batch of images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from fvcore.common.config import CfgNode

from scratch_d2.engines.base import Detector, Prediction
from scratch_d2.inspection.verdict import Thresholds, Verdict, judge, passes_gate

Gate = Callable[[list[np.ndarray]], np.ndarray]


@dataclass(frozen=True)
class Inspection:
    """The verdict on an image and the scratches behind it; empty where the gate let it pass."""

    verdict: Verdict
    prediction: Prediction


def load_gate(cfg: CfgNode) -> Gate | None:
    """Return the gate of a config, or None where it is switched off or GATE.WEIGHTS is empty."""
    if not (cfg.GATE.ENABLED and cfg.GATE.WEIGHTS):
        return None
    from scratch_d2.gate import Gate as TrainedGate

    return TrainedGate.load(cfg.GATE.WEIGHTS, cfg.MODEL.DEVICE)


def inspect(
    images: Sequence[np.ndarray], detector: Detector, gate: Gate | None, thresholds: Thresholds
) -> list[Inspection]:
    """Inspect images; the detector sees only those that the gate does not let pass.

    Args:
        images: HxWx3 uint8 RGB, of any sizes.
        gate: returns p(Bad) in 0..1 as [N] for a list of N images; None sends all to the detector.
    """
    images = list(images)
    p_bad: list[float | None] = [None] * len(images)
    if gate is not None and images:
        p_bad = [float(p) for p in gate(images)]
    doubtful = [i for i, p in enumerate(p_bad) if not passes_gate(p, thresholds)]
    found = dict(zip(doubtful, detector([images[i] for i in doubtful]))) if doubtful else {}
    results = []
    for index, image in enumerate(images):
        prediction = found.get(index, Prediction.empty(*image.shape[:2]))
        results.append(Inspection(judge(prediction, p_bad[index], thresholds), prediction))
    return results
