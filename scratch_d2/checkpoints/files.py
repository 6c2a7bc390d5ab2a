"""Read files of weights of every accepted kind, none of which can run code."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

ACCEPTED = "files of torch.save and .safetensors, and .pkl files of NumPy arrays"
_ARRAY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
# All that a pickle of dicts of NumPy arrays needs, by any version of NumPy and Python.
_SAFE_GLOBALS = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("collections", "OrderedDict"),
    ("_codecs", "encode"),
    *((module, name) for module in _ARRAY_MODULES for name in ("_reconstruct", "scalar")),
    *((module, "_frombuffer") for module in ("numpy.core.numeric", "numpy._core.numeric")),
}


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickle containers, plain values and NumPy arrays only."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _SAFE_GLOBALS:
            raise pickle.UnpicklingError(f"it needs {module}.{name}")
        return super().find_class(module, name)


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a file of weights as {"model": {name: tensor}, ...}, on the CPU.

    By its suffix a file is .safetensors, a .pkl of NumPy arrays as in Detectron2's model zoo, or
    else what torch.save wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: a .safetensors file, and the package safetensors is missing.
        ValueError: the file holds no weights, or is a pickle that needs more than arrays.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"weights {str(path)!r}: no such file")
    readers = {".safetensors": _read_safetensors, ".pkl": _read_arrays}
    try:
        content = readers.get(path.suffix.lower(), _read_torch)(path)
    except ImportError:
        raise
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"weights {str(path)!r} cannot be read as a checkpoint of tensors ({reason}); accepted "
            f"are {ACCEPTED}, no other pickles"
        ) from None
    if isinstance(content, Mapping) and "model" not in content:
        content = {"model": content}
    if not isinstance(content, Mapping) or not isinstance(content["model"], Mapping):
        raise ValueError(f"weights {str(path)!r} hold no state dict; a dict of tensors is expected")
    model = {name: _to_tensor(value) for name, value in content["model"].items()}
    return {**content, "model": {k: v for k, v in model.items() if isinstance(v, torch.Tensor)}}


def _read_torch(path: Path) -> Any:
    return torch.load(path, map_location="cpu", weights_only=True)


def _read_arrays(path: Path) -> Any:
    with open(path, "rb") as file:
        # Files written by Python 2, as the oldest of the zoo, keep bytes of arrays as latin-1.
        return _ArrayUnpickler(file, encoding="latin1").load()


def _read_safetensors(path: Path) -> Any:
    try:
        from safetensors.torch import load_file
    except ImportError:
        raise ImportError(f"weights {str(path)!r} need: pip install safetensors") from None
    return load_file(path)


def _to_tensor(value: Any) -> Any:
    """Turn an array of numbers into a tensor; leave everything else as it is."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "fib":
        return torch.from_numpy(np.array(value))
    return value
