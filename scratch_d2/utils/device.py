"""The device that a config names."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

# As torch.cpu.get_capabilities names them: on x86 two, on ARM the last.
BFLOAT16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16")


def pick_device(name: str) -> torch.device:
    """Return the device MODEL.DEVICE names; without a GPU the CPU takes over, and the log says so.

    Raises ValueError if the name is no device.
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


def has_bfloat16(device: torch.device) -> bool:
    """Return whether a processor or GPU itself computes in bfloat16, which others only emulate."""
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    known: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return device.type == "cpu" and any(known.get(name) for name in BFLOAT16_INSTRUCTIONS)


def count_processors() -> int:
    """Return how many processors this process may use: OMP_NUM_THREADS, or what the system says."""
    set_by_user = os.environ.get("OMP_NUM_THREADS", "")
    if set_by_user.isdecimal() and int(set_by_user) > 0:
        return int(set_by_user)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
