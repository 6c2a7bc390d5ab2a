"""What is installed beside the package."""

import logging
from functools import cache
from importlib import import_module
from importlib.util import find_spec


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
