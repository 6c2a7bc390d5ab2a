"""Choose what runs the models of a config: torch, or a runtime that is faster on processors."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

from fvcore.common.config import CfgNode

if TYPE_CHECKING:
    import torch

TORCH = "torch"
TITLES = {TORCH: "torch", "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}
# What an export and the runtime need, besides torch.
PACKAGES = {"onnxruntime": ("onnx", "onnxruntime"), "openvino": ("onnx", "onnxruntime", "openvino")}
EXTRAS = {"onnxruntime": "export", "openvino": "export,openvino"}
# The faster one of the two on processors (benchmarks/bundles.py).
FASTEST = "onnxruntime"


class Runtime(NamedTuple):
    """What runs gate and detector.

    Attributes:
        name: "torch", "onnxruntime" or "openvino".
        reason: why, in a few words.
    """

    name: str
    reason: str

    def __str__(self) -> str:
        return f"models run on {TITLES[self.name]}: {self.reason}"


def choose_runtime(cfg: CfgNode, device: torch.device, precision: str) -> Runtime:
    """Return what runs the models that propose verdicts; torch decides those that are close.

    Args:
        cfg: SCRATCH.RUNTIME is "auto", or the name of a runtime.
        precision: what SCRATCH.PRECISION means on this device, see `pick_precision`.

    Raises ValueError for a runtime that contradicts device or precision, ImportError naming the
    command that installs what it needs.
    """
    name = cfg.SCRATCH.RUNTIME
    if name == "auto":
        return _choose(device, precision)
    if name != TORCH:
        _check_fits(name, cfg.SCRATCH.PRECISION, device)
        if missing := _missing(name):
            raise ImportError(
                f"SCRATCH.RUNTIME {name} needs {missing}: pip install 'scratch_d2[{EXTRAS[name]}]'"
            )
    return Runtime(name, "SCRATCH.RUNTIME asks for it")


def _choose(device: torch.device, precision: str) -> Runtime:
    if device.type != "cpu":
        return Runtime(TORCH, f"it is fastest on {device.type}")
    if precision == "exact":
        return Runtime(TORCH, "SCRATCH.PRECISION exact asks for it")
    if precision == "bfloat16":
        return Runtime(TORCH, "SCRATCH.PRECISION bfloat16 asks for it")
    if missing := _missing(FASTEST):
        hint = f"pip install 'scratch_d2[{EXTRAS[FASTEST]}]' makes the models faster"
        return Runtime(TORCH, f"{missing} is not installed ({hint})")
    return Runtime(FASTEST, "it is fastest on this processor")


def _check_fits(name: str, precision: str, device: torch.device) -> None:
    if device.type != "cpu":
        raise ValueError(
            f"SCRATCH.RUNTIME {name} runs on processors, but MODEL.DEVICE is {device}; accepted "
            "there are auto and torch"
        )
    if precision not in ("auto", "float32"):
        raise ValueError(
            f"SCRATCH.RUNTIME {name} computes in float32, but SCRATCH.PRECISION is {precision}; "
            "accepted are auto and float32"
        )


def _missing(name: str) -> str:
    return ", ".join(package for package in PACKAGES[name] if find_spec(package) is None)
