"""The gate: one look at the whole image, so that clearly Good ones skip the detector."""

from typing import Any

__all__ = ["Gate", "Preprocessing"]


def __getattr__(name: str) -> Any:
    """Import torch and timm only if a gate is really used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from scratch_d2.gate.model import Gate
    from scratch_d2.gate.preprocess import Preprocessing

    return {"Gate": Gate, "Preprocessing": Preprocessing}[name]
