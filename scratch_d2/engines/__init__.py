"""The seam: one name chooses the engine that trains and runs the detector."""

from scratch_d2.engines.base import Detector, Engine
from scratch_d2.structures.prediction import Prediction
from scratch_d2.utils.installed import detectron2_installed

__all__ = ["Detector", "Engine", "Prediction", "get_engine"]


def get_engine(name: str = "auto") -> Engine:
    """Return an engine by name: "d2", "embedded", or "auto" for d2 if it is installed.

    Raises:
        ValueError: the name is unknown.
        ImportError: "d2" was asked for and Detectron2 is not installed.
    """
    if name == "auto":
        name = "d2" if detectron2_installed() else "embedded"
    engines = {"d2": _d2, "embedded": _embedded}
    if name not in engines:
        raise ValueError(f"engine {name!r} is unknown; accepted are auto, d2, embedded")
    return engines[name]()


def _d2() -> Engine:
    if not detectron2_installed():
        raise ImportError(
            "engine 'd2' needs Detectron2, which is not installed; install it as its INSTALL.md "
            "says (it is compiled against the installed torch), or use the engine 'embedded'"
        )
    from scratch_d2.engines.d2.engine import D2Engine

    return D2Engine()


def _embedded() -> Engine:
    from scratch_d2.engines.embedded import EmbeddedEngine

    return EmbeddedEngine()
