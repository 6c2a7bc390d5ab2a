"""Register scratch_text_* and scratch_synth_* under $DETECTRON2_DATASETS, on import."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fvcore.common.config import CfgNode

from scratch_d2.config import load_config
from scratch_d2.data.catalog import SPLITS, is_registered, register_scratch_dataset
from scratch_d2.data.split import split_names

FAMILIES = ("scratch_text", "scratch_synth")
_folders: set[str] = set()  # that `register_folder` registered


def open_config(file: str | Path | None = None, opts: Sequence[str] = ()) -> CfgNode:
    """Load a config, register the built-in datasets as it asks for, and freeze it.

    Args and errors are those of `scratch_d2.config.load_config`.
    """
    cfg = load_config(file, opts)
    register_builtin(cfg)
    cfg.freeze()
    return cfg


def register_builtin(cfg: CfgNode | None = None) -> None:
    """Register `scratch_text_{train,val,test,all}` and `scratch_synth_{...}`.

    A config moves scratch_text to SCRATCH.DATA_ROOT and sets, for both, how the split is drawn
    and the mask threshold. With SCRATCH.FOLDS there are also `scratch_text_fold0_{train,val,test}`
    and so on.
    """
    base = Path(os.environ.get("DETECTRON2_DATASETS", "datasets")).expanduser()
    roots = {family: base / family for family in FAMILIES}
    settings: dict[str, Any] = {}
    splits = SPLITS
    if cfg is not None:
        if cfg.SCRATCH.DATA_ROOT:
            roots["scratch_text"] = Path(cfg.SCRATCH.DATA_ROOT)
        settings = _reading(cfg)
        splits = (*split_names(cfg.SCRATCH.FOLDS), "all")
    for family, root in roots.items():
        for split in splits:
            name = f"{family}_{split}"
            register_scratch_dataset(name, root, split=split, replace=True, **settings)


def register_folder(cfg: CfgNode, name_or_folder: str) -> None:
    """Register a whole folder under its own path, to be read as a config asks for.

    A name that was registered otherwise, and one that nobody knows, is left alone.
    """
    name = name_or_folder
    if Path(name).is_dir() and (name in _folders or not is_registered(name)):
        register_scratch_dataset(name, name, replace=True, **_reading(cfg))
        _folders.add(name)


def _reading(cfg: CfgNode) -> dict[str, Any]:
    """Return how a config asks for folders to be read, as `register_scratch_dataset` takes it."""
    return {
        "seed": cfg.SCRATCH.SPLIT_SEED,
        "mask_threshold": cfg.SCRATCH.MASK_THRESHOLD,
        "burst_gap": cfg.SCRATCH.BURST_GAP,
        "duplicate_distance": cfg.SCRATCH.DUPLICATE_DISTANCE,
        "folds": cfg.SCRATCH.FOLDS,
    }


register_builtin()
