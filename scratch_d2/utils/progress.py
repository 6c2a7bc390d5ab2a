"""How far a long step is, on standard error: a bar on a terminal, elsewhere a line a minute."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import suppress
from shutil import get_terminal_size
from typing import TextIO, TypeVar

from tqdm import tqdm

from scratch_d2.utils.logging import format_seconds

MINUTE = 60.0
SHORT = 1.0  # seconds; what is done sooner shows no bar
T = TypeVar("T")


class Progress:
    """Counts what is done; a context manager, so that a bar ends its line."""

    def __init__(
        self,
        what: str,
        total: int | None = None,
        unit: str = "image",
        done: int = 0,
        show: bool = True,
        every: float | None = None,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start to count.

        Args:
            what: is done, such as "inspecting".
            total: how many there are, None if that is not known.
            unit: one of them.
            done: how many are done already.
            show: whether to say anything.
            every: seconds between two lines if there is no terminal; None is a minute.
            stream: None is standard error.
        """
        self.what, self.total, self.unit, self.done = what, total, unit, done
        self._before, self._clock = done, clock
        self._every = MINUTE if every is None else every
        self._start = self._said = clock()
        self._stream = (sys.stderr if stream is None else stream) if show else None
        self._bar: tqdm | None = None
        if is_terminal(self._stream):
            size = get_terminal_size()  # tqdm shows nothing if a container's has no size
            self._bar = tqdm(
                desc=what,
                total=total,
                unit=unit,
                initial=done,
                file=self._stream,
                delay=SHORT,
                ncols=size.columns,
                nrows=size.lines,
            )

    def update(self, count: int = 1) -> None:
        """Count more, and say so if it is time."""
        self.done += count
        if self._bar is not None:
            self._bar.update(count)
        elif self._clock() - self._said >= self._every:
            self._said = self._clock()
            say(self.line(), self._stream)

    def line(self) -> str:
        """Return how many are done, how fast, and the time that is left."""
        speed = (self.done - self._before) / max(self._clock() - self._start, 1e-9)
        if self.total is None:
            return f"{self.what}: {self.done} {self.unit}s, {speed:.3g} a second"
        remaining = max(self.total - self.done, 0)  # files may have come since they were counted
        left = f", {format_seconds(remaining / speed)} left" if speed else ""
        share = f" ({self.done / self.total:.0%})" if self.total else ""
        return f"{self.what}: {self.done} of {self.total} {self.unit}s{share}{left}"

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


def track(
    things: Iterable[T],
    what: str,
    total: int | None = None,
    unit: str = "image",
    show: bool = True,
) -> Iterator[T]:
    """Yield things, and say how many are done.

    Args:
        total: how many there are; None asks `len`, if there is one.
        what, unit, show: as `Progress` takes them.
    """
    if total is None and isinstance(things, Sized):
        total = len(things)
    with Progress(what, total, unit, show=show) as progress:
        for thing in things:
            yield thing
            progress.update()


def say(line: str, stream: TextIO | None) -> None:
    """Print a line at once; if nobody can read it, do nothing."""
    if stream is not None:
        with suppress(OSError, ValueError):  # its reader has ended, or it is closed
            try:
                print(line, file=stream, flush=True)
            except UnicodeEncodeError:
                print(ascii(line)[1:-1], file=stream, flush=True)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is open and a terminal."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False
