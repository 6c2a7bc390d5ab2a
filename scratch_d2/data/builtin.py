"""Register scratch_text_* and scratch_synth_* under $DETECTRON2_DATASETS, on import."""

import os
from pathlib import Path

from fvcore.common.config import CfgNode

from scratch_d2.data.catalog import SPLITS, register_scratch_dataset

FAMILIES = ("scratch_text", "scratch_synth")


def register_builtin(cfg: CfgNode | None = None) -> None:
    """Register `scratch_text_{train,val,test,all}` and `scratch_synth_{...}`.

    A config moves scratch_text to SCRATCH.DATA_ROOT and sets the seed of the split and the mask
    threshold of both.
    """
    base = Path(os.environ.get("DETECTRON2_DATASETS", "datasets"))
    roots = {family: base / family for family in FAMILIES}
    settings: dict[str, int] = {}
    if cfg is not None:
        if cfg.SCRATCH.DATA_ROOT:
            roots["scratch_text"] = Path(cfg.SCRATCH.DATA_ROOT)
        settings = {"seed": cfg.SCRATCH.SPLIT_SEED, "mask_threshold": cfg.SCRATCH.MASK_THRESHOLD}
    for family, root in roots.items():
        for split in SPLITS:
            name = f"{family}_{split}"
            register_scratch_dataset(name, root, split=split, replace=True, **settings)


register_builtin()
