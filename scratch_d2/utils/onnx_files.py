"""What every export to ONNX needs: the packages, the exporter, metadata."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

# The least that has RoIAlign with half-pixel centres is 16; runtimes of 2022 read 17.
OPSET = 17


def import_onnx() -> Any:
    """Return the module onnxruntime; raises ImportError naming what an export lacks."""
    try:
        import onnx  # noqa: F401
        import onnxruntime
    except ImportError as error:
        raise ImportError(
            f"export to ONNX needs {error.name}: pip install 'scratch_d2[export]'"
        ) from None
    return onnxruntime


def trace_to_onnx(
    network: torch.nn.Module,
    example: torch.Tensor,
    path: Path,
    input_name: str,
    output_names: Sequence[str],
    dynamic_axes: Mapping[str, Mapping[int, str]],
) -> None:
    """Write a network of one input as ONNX, with torch's tracing exporter.

    Its successor on torch.export gives the same detector, but takes minutes to reason about its
    shapes, and a trace takes seconds (torch 2.14). A trace keeps as a constant whatever Python
    computes from a size. So networks have to compute sizes as tensors, and whoever calls this
    compares the file with torch on inputs of other sizes than the example.
    """
    import torch

    with torch.no_grad(), _quiet():
        torch.onnx.export(
            network,
            (example,),
            str(path),
            input_names=[input_name],
            output_names=list(output_names),
            dynamic_axes=dynamic_axes,
            opset_version=OPSET,
            dynamo=False,
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the messages of the exporter off the terminal."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def add_metadata(path: Path, metadata: Mapping[str, str]) -> None:
    """Write metadata into an ONNX file, in place."""
    import onnx

    model = onnx.load(path)
    onnx.helper.set_model_props(model, dict(metadata))
    onnx.save(model, path)
