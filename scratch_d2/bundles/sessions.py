"""Run one exported file with ONNX Runtime or OpenVINO, on the processor."""

import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from scratch_d2.utils.device import count_processors

# Takes the one input of a model and returns its outputs, in their order.
Session = Callable[[np.ndarray], list[np.ndarray]]
RUNTIMES = ("auto", "onnxruntime", "openvino")
SUFFIXES = {"onnx": ".onnx", "openvino": ".xml"}


def pick_runtime(name: str, kind: str) -> str:
    """Return what runs a bundle: "onnxruntime" or "openvino".

    Args:
        name: one of `RUNTIMES`; "auto" takes ONNX Runtime if it is installed, and OpenVINO
            otherwise. OpenVINO reads ONNX files as well.
        kind: format of the models, "onnx" or "openvino".

    Raises ValueError for a name that is unknown or cannot run this kind, ImportError naming the
    command that installs what is missing.
    """
    if name not in RUNTIMES:
        raise ValueError(f"runtime {name!r} is unknown; accepted are {', '.join(RUNTIMES)}")
    if kind == "openvino" and name == "onnxruntime":
        raise ValueError(
            "runtime 'onnxruntime' cannot run a bundle of kind 'openvino'; accepted "
            "are auto, openvino"
        )
    wanted = [name] if name != "auto" else ["onnxruntime", "openvino"]
    able = [each for each in wanted if kind == "onnx" or each == "openvino"]
    for each in able:
        if find_spec(each) is not None:
            return each
    extra = "onnx" if able[0] == "onnxruntime" else "openvino"
    raise ImportError(
        f"a bundle of kind {kind!r} needs {' or '.join(able)}: pip install 'scratch_d2[{extra}]'"
    )


def open_session(
    path: Path, runtime: str, threads: int = 0, options: dict[str, Any] | None = None
) -> Session:
    """Load a model; several threads may call the session at the same time.

    Args:
        path: an .onnx file, or for OpenVINO also an .xml.
        threads: processors for one call; 0 takes all that there are.
        options: more properties of OpenVINO's, which override ours.

    Raises ValueError naming a file that cannot be loaded.
    """
    threads = threads or count_processors()
    try:
        if runtime == "onnxruntime":
            return _open_onnxruntime(path, threads)
        return _open_openvino(path, threads, options or {})
    # The errors of the runtimes share no base class.
    except Exception as error:
        raise ValueError(f"{str(path)!r} cannot be loaded by {runtime}: {error}") from None


def _open_onnxruntime(path: Path, threads: int) -> Session:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    # Without this, threads that wait keep their processor busy.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: session.run(None, {name: images})


def _open_openvino(path: Path, threads: int, options: dict[str, Any]) -> Session:
    import openvino

    # Float32 as in torch: OpenVINO would take bfloat16 if the processor has it.
    streams = max(1, count_processors() // threads)
    config = {
        "INFERENCE_PRECISION_HINT": "f32",
        "NUM_STREAMS": streams,
        "INFERENCE_NUM_THREADS": threads * streams,
        **options,
    }
    compiled = openvino.Core().compile_model(str(path), "CPU", config)
    local = threading.local()

    def run(images: np.ndarray) -> list[np.ndarray]:
        if not hasattr(local, "request"):
            local.request = compiled.create_infer_request()
        found = local.request.infer([images])
        return [np.asarray(found[index]) for index in range(len(compiled.outputs))]

    return run
