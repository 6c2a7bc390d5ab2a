"""What a training run logs: the terminal, log.txt, metrics.json and TensorBoard."""

from __future__ import annotations

import json
import logging
import shlex
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any


def setup_logger(folder: str | Path | None = None) -> logging.Logger:
    """Log the package to the terminal, and to log.txt in a folder if one is given."""
    logger = logging.getLogger("scratch_d2")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    form = logging.Formatter("[%(asctime)s] %(message)s", datefmt="%m/%d %H:%M:%S")
    wanted: list[logging.Handler] = []
    if not any(type(h) is logging.StreamHandler for h in logger.handlers):
        wanted.append(logging.StreamHandler(sys.stdout))
    if folder is not None:
        path = str((Path(folder) / "log.txt").resolve())
        # An earlier run of this process has ended; its log must not continue.
        for handler in [h for h in logger.handlers if getattr(h, "baseFilename", path) != path]:
            logger.removeHandler(handler)
            handler.close()
        if not any(getattr(h, "baseFilename", "") == path for h in logger.handlers):
            wanted.append(logging.FileHandler(path, encoding="utf-8"))
    for handler in wanted:
        handler.setFormatter(form)
        logger.addHandler(handler)
    return logger


def command_line() -> str:
    """Return the command that started this process, as one would type it."""
    return shlex.join(sys.argv)


def format_seconds(seconds: float) -> str:
    """Return a duration as h:mm:ss, as Detectron2 logs it."""
    return str(timedelta(seconds=int(seconds)))


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
