"""Commands run in this process, with what they print and return."""

import io
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

from scratch_d2.cli.common import run
from scratch_d2.cli.main import load_command


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
    """Undo what ends with a process: its folder, filters of warnings, handlers of the log."""
    before, logger = Path.cwd(), logging.getLogger("scratch_d2")
    state = logger.level, logger.propagate, list(logger.handlers)
    logger.handlers.clear()
    os.chdir(cwd or before)
    try:
        with warnings.catch_warnings():
            yield
    finally:
        os.chdir(before)
        for handler in logger.handlers:
            handler.close()
        logger.level, logger.propagate, logger.handlers[:] = state
