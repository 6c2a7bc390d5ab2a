"""Read YAML config files with their `_BASE_`, and say which file or value is at fault."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from fvcore.common.config import BASE_KEY, CfgNode

from scratch_d2.utils.strict_yaml import parse_yaml

# Keys that may be null though their default is not, and values of lists that are empty by default.
NULLABLE = ("SOLVER.WEIGHT_DECAY_NORM",)
EXAMPLES = {
    "SCRATCH.REVIEW_BAND": [400.0, 600.0],
    "DATASETS.TRAIN": ["scratch_text_train"],
    "DATASETS.TEST": ["scratch_text_val"],
}


def read_config_file(path: Path) -> dict[str, Any]:
    """Return the keys of a config file, those of its `_BASE_` files included.

    Raises:
        FileNotFoundError: a `_BASE_` is missing; the message names both files.
        ValueError: a file is empty, is no YAML of keys, or leads back to itself by its `_BASE_`.
    """
    _check_chain(path, ())
    try:
        return CfgNode.load_yaml_with_base(str(path), allow_unsafe=False)
    except AssertionError as error:  # a key is a block in one file and a value in another
        raise ValueError(f"{path}: {error}") from None


def _check_chain(path: Path, above: tuple[Path, ...]) -> None:
    """Look at a file and its bases; `above` are the files that lead to it."""
    if path.resolve() in [file.resolve() for file in above]:
        names = " -> ".join(str(file) for file in (*above, path))
        raise ValueError(f"{above[0]}: {BASE_KEY} goes round in a loop, {names}")
    named = _parse(path).get(BASE_KEY, [])
    bases = [named] if isinstance(named, str) else named
    if not isinstance(bases, list) or not all(isinstance(base, str) for base in bases):
        raise ValueError(f"{path}: {BASE_KEY} is {named!r}; accepted is a file or a list of files")
    for base in bases:
        if base.startswith(("http://", "https://")):
            continue
        file = path.parent / Path(base).expanduser()
        if not file.is_file():
            raise FileNotFoundError(f"{path}: {BASE_KEY} names {base!r}, but there is no {file}")
        _check_chain(file, (*above, path))


def _parse(path: Path) -> dict[str, Any]:
    accepted = "accepted is a YAML file of keys, such as MODEL: {DEVICE: cpu}"
    if path.suffix == ".py":
        raise ValueError(f"{path}: a Python file, as Detectron2's LazyConfig has them; {accepted}")
    try:
        content = parse_yaml(path.read_text("utf-8"))
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not a text in UTF-8; {accepted}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path}: not YAML ({reason}); {accepted}") from None
    if content is None:
        raise ValueError(f"{path}: the file holds no key; {accepted}")
    if not isinstance(content, dict):
        kinds: dict[type, str] = {list: "a list", str: "a text"}
        kind = kinds.get(type(content), f"the value {content!r}")
        raise ValueError(f"{path}: the file is {kind}; {accepted}")
    odd = _odd_key(content)
    if odd is not None:
        raise ValueError(f"{path}: the key {odd!r} is no name; {accepted}")
    return content


def _odd_key(content: dict[Any, Any]) -> Any:
    """Return a key, of any block, that is no text; None if there is none."""
    for key, value in content.items():
        if not isinstance(key, str):
            return key
        inner = _odd_key(value) if isinstance(value, dict) else None
        if inner is not None:
            return inner
    return None


def as_floats(loaded: dict[str, Any], defaults: Mapping[str, Any], prefix: str = "") -> None:
    """Turn whole numbers into floats, in place, if the default is a float.

    Args:
        loaded: the blocks and keys of a config file.
        defaults: as `scratch_d2.config.flatten` returns them.
    """
    for key, value in loaded.items():
        if isinstance(value, dict):
            as_floats(value, defaults, f"{prefix}{key}.")
        elif type(value) is int and isinstance(defaults.get(f"{prefix}{key}"), float):
            loaded[key] = float(value)


def check_kinds(leaves: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Refuse what yacs lets pass: null for a block or a value, and texts in a list of numbers.

    Args:
        leaves, defaults: as `scratch_d2.config.flatten` returns them, of a config and the defaults.

    Raises ValueError naming the key.
    """
    for key, value in leaves.items():
        default = defaults[key]
        example = EXAMPLES.get(key, default)
        empty = value is None and default is not None and key not in NULLABLE
        mixed = bool(_kinds(example)) and not _kinds(value) <= _kinds(example)
        if empty or mixed:
            raise ValueError(f"{key} is {value!r}; accepted is a value like {example!r}")
        if default is None and not isinstance(value, (int, float, type(None))):
            raise ValueError(f"{key} is {value!r}; accepted is null or a number")


def _kinds(value: Any) -> set[str]:
    """Return of which kinds the items of a list, or of lists in it, are; {} of anything else."""
    if not isinstance(value, (list, tuple)):
        return set()
    nested = [_kinds(item) or {"text" if isinstance(item, str) else "number"} for item in value]
    return set().union(*nested)
