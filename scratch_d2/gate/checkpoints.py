"""Checkpoints to resume a run from, with the file names of Detectron2.

They are written here and not by fvcore's PeriodicCheckpointer, which writes in place and leaves
half a file if a run is killed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fvcore.common.config import CfgNode

from scratch_d2.checkpoints.files import read_checkpoint
from scratch_d2.checkpoints.resuming import refuse_changes
from scratch_d2.gate.model import gate_info
from scratch_d2.utils.files import save_atomically, write_atomically

KEPT = 2


def save_resumable(folder: Path, content: Mapping[str, Any]) -> Path:
    """Write model_XXXXXXX.pth of `content["iteration"]` as the last one; delete older ones."""
    path = folder / f"model_{content['iteration']:07d}.pth"
    save_atomically(dict(content), path)
    write_atomically(path.name, folder / "last_checkpoint")
    # Files of later iterations are kept: they belong to an earlier run in the same folder.
    older = sorted(p for p in folder.glob("model_" + "[0-9]" * 7 + ".pth") if p.name <= path.name)
    for stale in older[:-KEPT]:
        stale.unlink()
    return path


def read_last(folder: Path) -> dict[str, Any] | None:
    """Read the checkpoint that last_checkpoint names; None if a run has not written one.

    Raises FileNotFoundError or ValueError if that is not a usable checkpoint of a gate.
    """
    pointer = folder / "last_checkpoint"
    if not pointer.is_file():
        return None
    path = folder / pointer.read_text(encoding="utf-8").strip()
    content = read_checkpoint(path)
    gate_info(content, path)
    missing = {"optimizer", "scheduler", "iteration", "epoch"} - content.keys()
    if missing:
        raise ValueError(f"{str(path)!r} cannot be resumed, it lacks {', '.join(sorted(missing))}")
    return content


def check_resumable(content: Mapping[str, Any], cfg: CfgNode) -> None:
    """Raise ValueError if a run was begun with another network, input, batch or seed.

    Rates are no such matter: those of the config are taken.
    """
    info = content["gate"]
    settings = [
        ("GATE.MODEL", cfg.GATE.MODEL, info["model"]),
        ("GATE.WIDTH", cfg.GATE.WIDTH, info.get("width", 1.0)),
        ("GATE.IMAGE_SIZE", cfg.GATE.IMAGE_SIZE, info["preprocessing"]["image_size"]),
        ("GATE.MASK_LOSS_WEIGHT", cfg.GATE.MASK_LOSS_WEIGHT, info.get("mask_loss_weight", 0.0)),
        ("GATE.BATCH_SIZE", cfg.GATE.BATCH_SIZE, info.get("batch_size")),
        ("SEED", cfg.SEED if cfg.SEED >= 0 else info["seed"], info["seed"]),
    ]
    refuse_changes(settings, cfg.GATE.OUTPUT_DIR, "GATE.OUTPUT_DIR")
