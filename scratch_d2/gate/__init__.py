"""The gate: one look at the whole image, so that clearly Good ones skip the detector."""

import warnings
from typing import Any

__all__ = ["Gate", "Preprocessing"]


def __getattr__(name: str) -> Any:
    """Import torch and timm only where a gate is really used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with warnings.catch_warnings():
        # timm scripts functions while it is imported; newer releases of torch warn of each.
        warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", FutureWarning)
        from scratch_d2.gate.model import Gate
        from scratch_d2.gate.preprocess import Preprocessing
    return {"Gate": Gate, "Preprocessing": Preprocessing}[name]
