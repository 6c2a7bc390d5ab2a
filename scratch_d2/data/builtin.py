"""Register scratch_text_* and scratch_synth_* under $DETECTRON2_DATASETS, on import."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fvcore.common.config import CfgNode

from scratch_d2.config import load_config
from scratch_d2.data.catalog import SPLITS, register_scratch_dataset
from scratch_d2.data.split import split_names

FAMILIES = ("scratch_text", "scratch_synth")


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
        settings = {
            "seed": cfg.SCRATCH.SPLIT_SEED,
            "mask_threshold": cfg.SCRATCH.MASK_THRESHOLD,
            "burst_gap": cfg.SCRATCH.BURST_GAP,
            "duplicate_distance": cfg.SCRATCH.DUPLICATE_DISTANCE,
            "folds": cfg.SCRATCH.FOLDS,
        }
        splits = (*split_names(cfg.SCRATCH.FOLDS), "all")
    for family, root in roots.items():
        for split in splits:
            name = f"{family}_{split}"
            register_scratch_dataset(name, root, split=split, replace=True, **settings)


register_builtin()
