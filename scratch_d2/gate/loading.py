"""The gate as inspection sees it: p(Bad) of images, or no gate at all."""

from collections.abc import Callable

import numpy as np
from fvcore.common.config import CfgNode

Gate = Callable[[list[np.ndarray]], np.ndarray]


def load_gate(cfg: CfgNode, precision: str = "exact") -> Gate | None:
    """Return the gate of a config, or None where it is switched off or GATE.WEIGHTS is empty."""
    if not (cfg.GATE.ENABLED and cfg.GATE.WEIGHTS):
        return None
    from scratch_d2.gate import Gate as TrainedGate

    return TrainedGate.load(cfg.GATE.WEIGHTS, cfg.MODEL.DEVICE, precision)
