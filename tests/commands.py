"""Commands run in this process, with what they print and return."""

import io
import logging
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pytest

from scratch_d2.cli.common import run
from scratch_d2.cli.main import load_command
from scratch_d2.data.builtin import register_builtin

ROOT = Path(__file__).parents[1]
TINY = "quick_schedules/tiny_mask_rcnn_R_50_FPN.yaml"
ENGINES = ["embedded", pytest.param("d2", marks=pytest.mark.detectron2)]


class Done(NamedTuple):
    """What a command left behind, named as by `subprocess.run`."""

    returncode: int
    stdout: str
    stderr: str


def run_command(name: str, *arguments: object, cwd: Path | None = None) -> Done:
    """Run `scratch-d2 NAME ARGUMENTS`; an error that is no sentence for the user is raised."""
    texts = list(map(str, arguments))
    out, err = io.StringIO(), io.StringIO()
    with _as_in_a_process(cwd), redirect_stdout(out), redirect_stderr(err):
        code = _exit_code(lambda: load_command(name)(texts))
    return Done(code, out.getvalue(), err.getvalue())


def _exit_code(main: Callable[[], int]) -> int:
    try:
        run(main)
    except SystemExit as end:
        return end.code or 0


@contextmanager
def _as_in_a_process(cwd: Path | None) -> Iterator[None]:
    """Undo what ends with a process: folder, filters of warnings, signals, threads, datasets."""
    before, handlers = Path.cwd(), {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    os.chdir(cwd or before)
    try:
        with warnings.catch_warnings(), _own_logging():
            yield
    finally:
        os.chdir(before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(1)
        register_builtin()


@contextmanager
def _own_logging() -> Iterator[None]:
    """Log as a new process does: warnings to stderr, until the command sets up more."""
    root, package = logging.getLogger(), logging.getLogger("scratch_d2")
    state = root.handlers, package.handlers, package.propagate, package.level
    root.handlers, package.handlers, package.propagate = [], [], True
    try:
        yield
    finally:
        for handler in package.handlers:
            handler.close()
        root.handlers, package.handlers, package.propagate, package.level = state
