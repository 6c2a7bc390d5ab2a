"""What both engines check before a training run writes anything."""

from collections.abc import Sequence
from pathlib import Path

from fvcore.common.config import CfgNode

from scratch_d2.checkpoints.files import read_checkpoint
from scratch_d2.checkpoints.resuming import refuse_changes
from scratch_d2.data.catalog import get_dataset_dicts


def check_datasets(cfg: CfgNode, keys: Sequence[str] = ("TRAIN", "TEST")) -> None:
    """Raise ValueError if a dataset of DATASETS.TRAIN or TEST is unknown, unusable or empty."""
    for key in keys:
        for name in cfg.DATASETS[key]:
            if not get_dataset_dicts(name):
                hint = '; DATASETS.TEST "()" trains without evaluation' if key == "TEST" else ""
                raise ValueError(f"dataset {name!r} of DATASETS.{key} holds no image{hint}")


def check_resumable(cfg: CfgNode) -> None:
    """Raise ValueError if the run to resume was begun with another seed or batch size.

    The order of its images follows from both. Rates are no such matter: those of the config are
    taken (`scratch_d2.checkpoints.resuming.keep_rates`).
    """
    pointer = Path(cfg.OUTPUT_DIR) / "last_checkpoint"
    path = pointer.with_name(pointer.read_text("utf-8").strip()) if pointer.is_file() else pointer
    if not path.is_file():
        return
    state = read_checkpoint(path).get("trainer")
    hooks = state.get("hooks", {}) if isinstance(state, dict) else {}
    begun = hooks.get("Reproducible", {})
    seed, batch = begun.get("seed"), begun.get("batch")
    solver = cfg.SOLVER
    settings = [
        ("SEED", cfg.SEED if cfg.SEED >= 0 else seed, seed),
        # With a reference size Detectron2 scales the batch with the number of processes.
        (
            "SOLVER.IMS_PER_BATCH",
            batch if solver.REFERENCE_WORLD_SIZE else solver.IMS_PER_BATCH,
            batch,
        ),
    ]
    refuse_changes(settings, cfg.OUTPUT_DIR, "OUTPUT_DIR")
