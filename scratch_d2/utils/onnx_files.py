"""What every export to ONNX needs: the packages, silence, metadata."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def import_onnx() -> Any:
    """Return the module onnxruntime; raises ImportError naming what an export lacks."""
    try:
        import onnx  # noqa: F401
        import onnxruntime
        import onnxscript  # noqa: F401  torch's exporter needs it
    except ImportError as error:
        raise ImportError(
            f"export to ONNX needs {error.name}: pip install 'scratch_d2[export]'"
        ) from None
    return onnxruntime


@contextlib.contextmanager
def quiet_exporter() -> Iterator[None]:
    """Keep the messages of torch's exporters off the terminal."""
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
