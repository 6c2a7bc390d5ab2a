"""Resumable checkpoints in the folder of a run, named as Detectron2 names them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fvcore.common.config import CfgNode

from scratch_d2.checkpoints.files import read_checkpoint
from scratch_d2.gate.model import gate_info
from scratch_d2.utils.files import save_atomically, write_atomically

KEPT = 2


def save_resumable(folder: Path, content: Mapping[str, Any]) -> Path:
    """Write model_XXXXXXX.pth for `content["iteration"]`, make it the last, prune older ones."""
    path = folder / f"model_{content['iteration']:07d}.pth"
    save_atomically(dict(content), path)
    write_atomically(path.name, folder / "last_checkpoint")
    # Files beyond this iteration are left alone: they are of an earlier run in the same folder.
    older = sorted(p for p in folder.glob("model_" + "[0-9]" * 7 + ".pth") if p.name <= path.name)
    for stale in older[:-KEPT]:
        stale.unlink()
    return path


def read_last(folder: Path) -> dict[str, Any] | None:
    """Read the checkpoint that last_checkpoint names; None where a run has not written one.

    Raises FileNotFoundError or ValueError where it names no usable checkpoint of a gate.
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
    """Raise ValueError where a checkpoint is of another network or input size than the config."""
    info = content["gate"]
    for key, found, wanted in (
        ("GATE.MODEL", info["model"], cfg.GATE.MODEL),
        ("GATE.WIDTH", info.get("width", 1.0), cfg.GATE.WIDTH),
        ("GATE.IMAGE_SIZE", info["preprocessing"]["image_size"], cfg.GATE.IMAGE_SIZE),
        ("GATE.MASK_LOSS_WEIGHT", info.get("mask_loss_weight", 0.0), cfg.GATE.MASK_LOSS_WEIGHT),
    ):
        if found != wanted:
            raise ValueError(
                f"{key} is {wanted!r}, but the run to resume in {cfg.GATE.OUTPUT_DIR!r} has "
                f"{found!r}; set it so, or choose another GATE.OUTPUT_DIR"
            )
