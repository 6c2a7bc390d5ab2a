"""The device that a config names."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def pick_device(name: str) -> torch.device:
    """Return the device MODEL.DEVICE names; without a GPU the CPU takes over, and the log says so.

    Raises ValueError where the name is no device.
    """
    import torch

    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"MODEL.DEVICE is {name!r}; accepted are cpu, cuda, cuda:N") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        logging.getLogger("scratch_d2").info("MODEL.DEVICE is %s: no GPU here, using the CPU", name)
        return torch.device("cpu")
    return device
