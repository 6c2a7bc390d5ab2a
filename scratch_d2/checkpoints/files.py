"""Read files of weights of every accepted kind, none of which can run code."""

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scratch_d2.checkpoints.addresses import local_file
from scratch_d2.checkpoints.names import strip_wrappers

# Under which names programs keep the weights in a file; "blobs" is Caffe2's.
CONTAINERS = ("model", "state_dict", "model_state_dict", "model_state", "blobs")
# No training ends at such weights, but one flipped bit of a file may.
LARGEST = 1e12
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
    else what torch.save wrote. The tensors may be the whole file or one of its entries in
    `CONTAINERS`. What DistributedDataParallel, torch.compile and Lightning put before all names is
    dropped.

    Args:
        path: a file, or an address that `local_file` turns into one.

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: a .safetensors file, and the package safetensors is missing.
        ValueError: the file holds no weights, is a pickle that needs more than arrays, or a weight
            is NaN or infinite.
    """
    path = local_file(path)
    if not path.is_file():
        raise FileNotFoundError(f"weights {str(path)!r}: no such file")
    _refuse_placeholder(path)
    readers = {".safetensors": _read_safetensors, ".pkl": _read_arrays}
    try:
        content = readers.get(path.suffix.lower(), _read_torch)(path)
    except ImportError:
        raise
    except Exception as error:
        raise ValueError(
            f"weights {str(path)!r} cannot be read as a checkpoint of tensors ({_reason(error)}); "
            f"accepted are {ACCEPTED}, no other pickles"
        ) from None
    content = _find_model(content, path)
    tensors = {name: _to_tensor(value) for name, value in content["model"].items()}
    model = {str(k): v for k, v in tensors.items() if isinstance(v, torch.Tensor)}
    _refuse_not_finite(model, path)
    return {**content, "model": strip_wrappers(model)}


def _refuse_placeholder(path: Path) -> None:
    """Refuse what is in the place of weights after a clone or download that failed."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        head = file.read(64)
    if head.startswith(b"version https://git-lfs"):
        raise ValueError(
            f"weights {str(path)!r} are a Git LFS pointer of {size} bytes, not the weights; run "
            "git lfs pull where the file comes from"
        )
    if size == 0:
        raise ValueError(f"weights {str(path)!r}: the file is empty")
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        raise ValueError(f"weights {str(path)!r} are a web page; download the file itself again")


def _reason(error: Exception) -> str:
    """Say in a few words why a file cannot be read, without the advice that torch gives.

    torch advises to load without `weights_only`, which lets the file run code.
    """
    text = str(error)
    needed = re.search(r"GLOBAL (\S+)", text) or re.search(r"^it needs (\S+)$", text)
    if needed:
        return f"it needs {needed[1]}, which could run code"
    if "TorchScript" in text:
        return "it is a TorchScript program, not weights"
    if "weights_only" in text or isinstance(error, (KeyError, EOFError, pickle.UnpicklingError)):
        return "it is of another format or damaged"
    return text.splitlines()[0].split(". This")[0] if text else type(error).__name__


def _find_model(content: Any, path: Path) -> dict[str, Any]:
    """Return what a file holds, with its tensors under "model"."""
    if not isinstance(content, Mapping):
        raise ValueError(
            f"weights {str(path)!r} hold no state dict but a {type(content).__name__}; a dict of "
            "tensors is expected"
        )
    named = next((key for key in CONTAINERS if isinstance(content.get(key), Mapping)), None)
    if named is not None:
        return {**{key: content[key] for key in content if key != named}, "model": content[named]}
    if not any(isinstance(value, (torch.Tensor, np.ndarray)) for value in content.values()):
        raise ValueError(
            f"weights {str(path)!r} hold no state dict but {_listed(content)}; expected is a dict "
            f"of tensors, or one in an entry named {', '.join(CONTAINERS)}"
        )
    return {"model": content}


def _listed(content: Mapping[str, Any]) -> str:
    names = ", ".join(map(str, list(content)[:3]))
    return f"{names}, ... ({len(content)} entries)" if len(content) > 3 else names or "nothing"


def _refuse_not_finite(model: Mapping[str, torch.Tensor], path: Path) -> None:
    odd = [name for name, value in model.items() if not _is_sound(value)]
    if odd:
        others = f", and {len(odd) - 1} tensors more do" if len(odd) > 1 else ""
        raise ValueError(
            f"weights {str(path)!r}: {odd[0]} holds values that are no finite numbers (NaN, "
            f"infinity, or beyond {LARGEST:g}){others}; the file is damaged, or its training failed"
        )


def _is_sound(value: torch.Tensor) -> bool:
    if not value.is_floating_point() or not value.numel():
        return True
    lowest, highest = value.aminmax()  # NaN if there is one
    return -LARGEST <= float(lowest) and float(highest) <= LARGEST


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
