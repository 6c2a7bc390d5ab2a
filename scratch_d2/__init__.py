"""scratch_d2: find scratches on printed text and judge every label Good or Bad, with Detectron2.

    from scratch_d2 import Inspector

    inspector = Inspector.from_pretrained()
    result = inspector("label.png")
    print(result.label, result.area, result.reason)

Names below are imported when they are first used, so that `import scratch_d2` loads nothing heavy.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from scratch_d2.utils.version import __version__ as __version__

# Waiting threads of OpenMP give way. By default they spin, and with two threads on a machine that
# does anything else every step waits for its turn: 2 s for an image instead of 64 ms. Both are read
# when torch is loaded, so they come first; whoever has set them keeps what they have set.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

if TYPE_CHECKING:
    from scratch_d2.api import calibrate, evaluate, predict_folder, train_detector, train_gate
    from scratch_d2.data.catalog import register_scratch_dataset
    from scratch_d2.inspection.inspector import Inspector
    from scratch_d2.inspection.result import Inspection
    from scratch_d2.structures.prediction import Prediction
    from scratch_d2.structures.thresholds import Thresholds
    from scratch_d2.structures.verdict import Verdict

__all__ = [
    "Inspection",
    "Inspector",
    "Prediction",
    "Thresholds",
    "Verdict",
    "calibrate",
    "evaluate",
    "predict_folder",
    "register_scratch_dataset",
    "train_detector",
    "train_gate",
]
_HOMES = {
    "Inspection": "scratch_d2.inspection.result",
    "Inspector": "scratch_d2.inspection.inspector",
    "Prediction": "scratch_d2.structures.prediction",
    "Thresholds": "scratch_d2.structures.thresholds",
    "Verdict": "scratch_d2.structures.verdict",
    "register_scratch_dataset": "scratch_d2.data.catalog",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'scratch_d2' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES.get(name, "scratch_d2.api")), name)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
