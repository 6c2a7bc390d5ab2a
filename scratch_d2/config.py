"""One configuration dialect for both engines: Detectron2's keys plus `cfg.SCRATCH` and `cfg.GATE`.

Config files are Detectron2's YAML, `_BASE_` included, and load with or without Detectron2.
"""

import logging
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from fvcore.common.config import CfgNode

from scratch_d2.config_keys import ACCEPTED, RANGES, RENAMED_KEYS, add_scratch_config
from scratch_d2.utils.bundled import find_config, find_weights
from scratch_d2.utils.config_files import as_floats, check_kinds, read_config_file

# Keys that hold a path, in which "~" is the home folder.
PATHS = (
    *("OUTPUT_DIR", "GATE.OUTPUT_DIR", "MODEL.WEIGHTS", "GATE.WEIGHTS"),
    *("SCRATCH.DATA_ROOT", "SCRATCH.TRAINED_ON", "SCRATCH.PSEUDO_MASKS"),
)

logger = logging.getLogger(__name__)


def default_config() -> CfgNode:
    """Return a fresh config holding every key of Detectron2 and of scratch_d2 at its default."""
    text = (Path(__file__).parent / "d2_defaults.yaml").read_text("utf-8")
    cfg = CfgNode(yaml.safe_load(text))
    add_scratch_config(cfg)
    return cfg


def load_config(file: str | Path | None = None, opts: Sequence[Any] = ()) -> CfgNode:
    """Return the defaults with a config file and then KEY VALUE pairs merged in.

    Relative weights of the file are looked for by `scratch_d2.utils.bundled.find_weights`; the log
    warns if they are in none of its places. KEY VALUE pairs are taken as they are.

    Raises:
        FileNotFoundError: there is no such config file.
        ValueError: the file is no config, a key is unknown, a value has the wrong type or is not
            accepted; the message names file, key, value and what is accepted.
    """
    cfg = default_config()
    if file is not None:
        path = find_config(file)
        loaded = read_config_file(path)
        try:
            loaded = _with_new_names(loaded, str(path))
            as_floats(loaded, flatten(cfg))
            cfg.merge_from_other_cfg(CfgNode(loaded))
            check_kinds(flatten(cfg), flatten(default_config()))
        except (KeyError, ValueError, AssertionError) as error:
            raise ValueError(f"{path}: {_explain(error)}") from None
        _place_weights(cfg, path, opts)
    late = [text for text in opts if isinstance(text, str) and text.startswith("--")]
    if late:
        raise ValueError(f"{late[0]} comes after KEY VALUE pairs; options come before them")
    if len(opts) % 2:
        raise ValueError(f"KEY VALUE pairs expected after the options, but {opts[-1]} has no value")
    for key, value in zip(opts[::2], opts[1::2]):
        key = _new_name(key, "the command line")
        whole = isinstance(value, str) and value.strip().lstrip("+-").isdecimal()
        if whole and isinstance(flatten(cfg).get(key), float):
            value = f"{value}.0"
        try:
            cfg.merge_from_list([key, value])
        except (KeyError, ValueError, AssertionError) as error:
            raise ValueError(f"option {key} {value}: {_explain(error, key)}") from None
    check_config(cfg)
    for key in PATHS:
        *blocks, leaf = key.split(".")
        node = cfg[blocks[0]] if blocks else cfg
        if node[leaf].startswith("~"):
            node[leaf] = str(Path(node[leaf]).expanduser())
    return cfg


def _place_weights(cfg: CfgNode, file: Path, opts: Sequence[str]) -> None:
    for block in (cfg.MODEL, cfg.GATE):
        key = "MODEL.WEIGHTS" if block is cfg.MODEL else "GATE.WEIGHTS"
        if key in opts[::2]:
            continue
        try:
            block.WEIGHTS = find_weights(block.WEIGHTS, file)
        except FileNotFoundError as error:
            # A command that needs them refuses them; others do without, such as those that take
            # the models in OUTPUT_DIR.
            logger.warning("%s: %s", key, error)


def override(cfg: CfgNode, values: Mapping[str, object]) -> CfgNode:
    """Return a copy of a config with other values, {"OUTPUT_DIR": "runs/a", ...}; it is frozen."""
    copy = cfg.clone()
    copy.defrost()
    copy.merge_from_list([part for pair in values.items() for part in pair])
    copy.freeze()
    return copy


def _with_new_names(loaded: dict[str, Any], file: str) -> dict[str, Any]:
    """Give the keys of earlier releases in a loaded config file their present names, in place."""
    for old in RENAMED_KEYS:
        block, leaf = old.split(".")
        if isinstance(loaded.get(block), dict) and leaf in loaded[block]:
            new = _new_name(old, file).split(".")[1]
            loaded[block][new] = loaded[block].pop(leaf)
    return loaded


def _new_name(key: str, where: str) -> str:
    if key in RENAMED_KEYS:
        logger.warning("%s in %s is now called %s", key, where, RENAMED_KEYS[key])
    return RENAMED_KEYS.get(key, key)


def _explain(error: Exception, option: str = "") -> str:
    """Turn an error of yacs into one short sentence, with the known key that was probably meant."""
    text = " ".join(str(error).strip("'\"").split())
    known = flatten(default_config())
    if "Non-existent" in text:
        missing = option or text.split()[-1]
        guesses = get_close_matches(missing, known, n=1)
        hint = (
            f"; did you mean {guesses[0]}?" if guesses else "; scratch_d2/config_keys.py lists ours"
        )
        return f"unknown config key {missing}{hint}"
    if text.startswith("Type mismatch"):
        key = option or text.split()[-1]
        default = known.get(key)
        accepted = "a block of keys" if default is None else f"a value like {default!r}"
        if default == []:
            accepted = "[], or a list of numbers"
        return f"{key} has a value of the wrong type; accepted is {accepted}"
    return text


def flatten(cfg: CfgNode, prefix: str = "") -> dict[str, Any]:
    """Return the leaves of a config as {"MODEL.RPN.NMS_THRESH": value, ...}."""
    leaves: dict[str, Any] = {}
    for key, value in cfg.items():
        name = f"{prefix}{key}"
        leaves.update(flatten(value, f"{name}.") if isinstance(value, CfgNode) else {name: value})
    return leaves


def check_config(cfg: CfgNode) -> None:
    """Raise ValueError if a key of scratch_d2 holds a value that is not accepted."""
    leaves = flatten(cfg)
    check_kinds(leaves, flatten(default_config()))
    for key, accepted in ACCEPTED.items():
        if leaves[key] not in accepted:
            raise ValueError(f"{key} is {leaves[key]!r}; accepted are {', '.join(accepted)}")
    for key, (low, high) in RANGES.items():
        if not low <= leaves[key] <= high:
            raise ValueError(f"{key} is {leaves[key]}; accepted is {low} to {high}")
    if -1 < cfg.SCRATCH.AREA_THRESHOLD < 0:
        raise ValueError(
            f"SCRATCH.AREA_THRESHOLD is {cfg.SCRATCH.AREA_THRESHOLD}; accepted is -1, or 0 and more"
        )
    upper = cfg.GATE.UPPER_THRESHOLD
    if upper is not None and not cfg.GATE.THRESHOLD <= upper <= 1:
        raise ValueError(
            f"GATE.UPPER_THRESHOLD is {upper}; accepted is null, or GATE.THRESHOLD "
            f"({cfg.GATE.THRESHOLD:g}) to 1"
        )
    band = list(cfg.SCRATCH.REVIEW_BAND)
    if band and not (len(band) == 2 and 0 <= band[0] < band[1]):
        raise ValueError(f"SCRATCH.REVIEW_BAND is {band}; accepted is [] or [low, high] of areas")
