"""The commands of scratch-d2, called in this process as a shell would call them."""

import io
import logging
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path

import pytest

from scratch_d2.cli.common import run
from scratch_d2.cli.main import main
from scratch_d2.data.builtin import register_builtin

ROOT = Path(__file__).parents[2]
TINY = "quick_schedules/tiny_mask_rcnn_R_50_FPN.yaml"
ENGINES = ["embedded", pytest.param("d2", marks=pytest.mark.detectron2)]


def call(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `scratch-d2 ...` here, and put back what it changes of the process."""
    argv = [str(argument) for argument in arguments]
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), _unchanged_process():
        with pytest.raises(SystemExit) as exited:
            run(partial(main, argv))
    assert "Traceback" not in err.getvalue(), err.getvalue()
    return subprocess.CompletedProcess(argv, exited.value.code, out.getvalue(), err.getvalue())


@contextmanager
def _unchanged_process() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with warnings.catch_warnings(), _own_logging():
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            if "torch" in sys.modules:
                sys.modules["torch"].set_num_threads(1)
            register_builtin()


@contextmanager
def _own_logging() -> Iterator[None]:
    """Log as a new process does: to nobody but stderr, until the command sets something up."""
    root, package = logging.getLogger(), logging.getLogger("scratch_d2")
    before = root.handlers, package.handlers, package.propagate, package.level
    root.handlers, package.handlers, package.propagate = [], [], True
    try:
        yield
    finally:
        for handler in package.handlers:
            handler.close()
        root.handlers, package.handlers, package.propagate, package.level = before
