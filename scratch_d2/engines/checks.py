"""What both engines check before a training run writes anything."""

from collections.abc import Sequence

from fvcore.common.config import CfgNode

from scratch_d2.data.catalog import get_dataset_dicts


def check_datasets(cfg: CfgNode, keys: Sequence[str] = ("TRAIN", "TEST")) -> None:
    """Raise ValueError where a dataset of DATASETS.TRAIN or TEST is unknown, unusable or empty."""
    for key in keys:
        for name in cfg.DATASETS[key]:
            if not get_dataset_dicts(name):
                hint = '; DATASETS.TEST "()" trains without evaluation' if key == "TEST" else ""
                raise ValueError(f"dataset {name!r} of DATASETS.{key} holds no image{hint}")
