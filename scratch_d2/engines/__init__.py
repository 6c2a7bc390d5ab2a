"""The seam: one name chooses the engine that trains and runs the detector."""

import logging
from functools import cache
from importlib import import_module
from importlib.util import find_spec

from scratch_d2.engines.base import Detector, Engine, Prediction

__all__ = ["Detector", "Engine", "Prediction", "detectron2_installed", "get_engine"]


@cache
def detectron2_installed() -> bool:
    """Whether Detectron2 works here: it is installed, and compiled against the torch in use."""
    if find_spec("detectron2") is None:
        return False
    try:
        import_module("detectron2._C")
    except ImportError as error:
        logging.getLogger(__name__).warning("Detectron2 is installed but broken: %s", error)
        return False
    return True


def get_engine(name: str = "auto") -> Engine:
    """Return an engine by name: "d2", "embedded", or "auto" for d2 wherever it is installed.

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
    from scratch_d2.engines.d2 import D2Engine

    return D2Engine()


def _embedded() -> Engine:
    from scratch_d2.engines.embedded import EmbeddedEngine

    return EmbeddedEngine()
