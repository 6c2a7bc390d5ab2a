"""What a training run writes into OUTPUT_DIR besides checkpoints, as Detectron2 users know it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fvcore.common.config import CfgNode

from scratch_d2.config import to_plain_detectron2

if TYPE_CHECKING:
    import torch

PART = ".part"


def prepare_output_dir(folder: str | Path, cfg: CfgNode | None = None) -> Path:
    """Create a folder for results, prove it writable, and save the config in it.

    Raises OSError naming the folder where it cannot be written.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OSError(
            f"output folder {str(folder)!r} cannot be written: {error.strerror}"
        ) from None
    if cfg is not None:
        (folder / "config.yaml").write_text(cfg.dump(), encoding="utf-8")
    return folder


def save_plain_config(cfg: CfgNode, weights: str | Path) -> Path:
    """Write OUTPUT_DIR/config_d2.yaml, from which Detectron2 alone builds and loads the detector.

    Its `get_cfg().merge_from_file` reads the file as it stands; MODEL.WEIGHTS in it names
    `weights`, and MODEL.DEVICE the device that is there.
    """
    cfg = cfg.clone()
    cfg.MODEL.WEIGHTS, cfg.MODEL.DEVICE = str(weights), str(pick_device(cfg.MODEL.DEVICE))
    text = to_plain_detectron2(cfg).dump()
    return write_atomically(text, Path(cfg.OUTPUT_DIR) / "config_d2.yaml")


def setup_logger(folder: str | Path | None = None) -> logging.Logger:
    """Log the package to the terminal, and to log.txt in a folder where one is given."""
    logger = logging.getLogger("scratch_d2")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    form = logging.Formatter("[%(asctime)s] %(message)s", datefmt="%m/%d %H:%M:%S")
    wanted: list[logging.Handler] = []
    if not any(type(h) is logging.StreamHandler for h in logger.handlers):
        wanted.append(logging.StreamHandler(sys.stdout))
    if folder is not None:
        path = str((Path(folder) / "log.txt").resolve())
        # An earlier run of this process has ended; its log must not go on.
        for handler in [h for h in logger.handlers if getattr(h, "baseFilename", path) != path]:
            logger.removeHandler(handler)
            handler.close()
        if not any(getattr(h, "baseFilename", "") == path for h in logger.handlers):
            wanted.append(logging.FileHandler(path, encoding="utf-8"))
    for handler in wanted:
        handler.setFormatter(form)
        logger.addHandler(handler)
    return logger


def pick_device(name: str) -> torch.device:
    """Return the device MODEL.DEVICE names; without a GPU the CPU takes over, and the log says so.

    Raises ValueError where the name is no device.
    """
    import torch

    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"MODEL.DEVICE is {name!r}; accepted are cpu, cuda, cuda:N") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        logging.getLogger("scratch_d2").info("MODEL.DEVICE is %s: no GPU here, using the CPU", name)
        return torch.device("cpu")
    return device


def write_atomically(content: str | bytes, path: str | Path) -> Path:
    """Write a file that is either the old one or the whole new one, even if killed; text as UTF-8.

    What a killed process leaves behind is hidden: its name begins with a dot and ends in PART.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}{PART}")
    try:
        part.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        os.replace(part, path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return path


def save_atomically(content: Any, path: str | Path) -> Path:
    """`torch.save` that leaves either the old file or the whole new one, even if killed.

    Raises OSError naming the file where it cannot be written, as on a full disk.
    """
    import torch

    path = Path(path)
    part = path.with_name(f".{path.name}{PART}")
    try:
        torch.save(content, part)
        os.replace(part, path)
    except (OSError, RuntimeError) as error:
        part.unlink(missing_ok=True)
        raise OSError(f"checkpoint {str(path)!r} cannot be written: {error}") from None
    return path


class MetricWriter:
    """Append scalars to metrics.json (JSON lines) and to a TensorBoard events file."""

    def __init__(self, folder: str | Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._lines = open(Path(folder) / "metrics.json", "a", encoding="utf-8")
        self._board = SummaryWriter(str(folder))

    def write(self, iteration: int, scalars: dict[str, Any]) -> None:
        """Write one line `{"iteration": i, name: value, ...}` and the same to TensorBoard."""
        self._lines.write(json.dumps({"iteration": iteration, **scalars}, sort_keys=True) + "\n")
        self._lines.flush()
        for name, value in scalars.items():
            self._board.add_scalar(name, value, iteration)

    def close(self) -> None:
        """Flush and close both files."""
        self._lines.close()
        self._board.close()

    def __enter__(self) -> MetricWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
