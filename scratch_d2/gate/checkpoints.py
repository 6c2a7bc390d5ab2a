"""Checkpoints to resume a run from, with the file names of Detectron2.

They are written here and not by fvcore's PeriodicCheckpointer, which writes in place and leaves
half a file where a run is killed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fvcore.common.config import CfgNode

from scratch_d2.checkpoints.files import read_checkpoint
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
    """Raise ValueError if a checkpoint is of another network or input size than the config."""
    info = content["gate"]
    for key, saved, configured in (
        ("GATE.MODEL", info["model"], cfg.GATE.MODEL),
        ("GATE.WIDTH", info.get("width", 1.0), cfg.GATE.WIDTH),
        ("GATE.IMAGE_SIZE", info["preprocessing"]["image_size"], cfg.GATE.IMAGE_SIZE),
        ("GATE.MASK_LOSS_WEIGHT", info.get("mask_loss_weight", 0.0), cfg.GATE.MASK_LOSS_WEIGHT),
    ):
        if saved != configured:
            raise ValueError(
                f"{key} is {configured!r}, but the run to resume in {cfg.GATE.OUTPUT_DIR!r} has "
                f"{saved!r}; set it so, or choose another GATE.OUTPUT_DIR"
            )
