"""Actors of Ray that inspect parts of a run, replaced if they die."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

logger = logging.getLogger(__name__)
MOST_DEATHS = 3
PATIENCE = 30.0  # seconds until the cluster is asked whether it is still there
WRITES = 2  # results that may wait for the disk


@dataclass
class Task:
    """A part on its way.

    Attributes:
        deaths: how many workers died with it.
    """

    number: int
    part: Any
    worker: Any = None
    deaths: int = 0


class Crew:
    """Workers with `begin()`, which returns the settings, and `inspect(part)`.

    A worker that dies, with its machine or alone, is replaced, and its part is given to another.
    """

    def __init__(self, start: Callable[[], Any], count: int) -> None:
        """Start `count` workers; `start` returns the handle of a new actor."""
        self._start = start
        self._starting: dict[Any, Any] = {}
        self._running: dict[Any, Task] = {}
        self._idle: list[Any] = []
        self._again: deque[Task] = deque()
        self._failed_starts, self._ahead = 0, 3 * count
        self.settings: dict[str, Any] | None = None
        for _ in range(count):
            self._hire()

    def begin(self) -> dict[str, Any]:
        """Wait for the first worker, and return its settings. Raises what it raises."""
        while self.settings is None:
            self._wait()
        return self.settings

    def run(self, parts: Iterator[Any], deliver: Callable[[Any], None]) -> None:
        """Have all parts inspected, and deliver the results in order, from one other thread.

        Raises what a worker or `deliver` raises, and OSError if workers die again and again, or no
        machine is left.
        """
        numbered = map(Task, range(1 << 62), parts)
        done: dict[int, Any] = {}
        following, asked, more = 0, 0, True
        writes: deque[Future] = deque()
        former: Future | None = None
        with ThreadPoolExecutor(1) as writer:
            while True:
                while self._idle and (self._again or (more and asked - following < self._ahead)):
                    task = self._again.popleft() if self._again else next(numbered, None)
                    if task is None:
                        more = False
                        break
                    asked = max(asked, task.number + 1)
                    self._give(task)
                if not (self._running or self._again) and not more:
                    break
                done.update(self._wait())
                while following in done:
                    former = writer.submit(_after, former, deliver, done.pop(following))
                    writes.append(former)
                    following += 1
                while writes and (writes[0].done() or len(writes) > WRITES):
                    writes.popleft().result()
            for write in writes:
                write.result()

    def _hire(self) -> None:
        with _reaching_ray():
            worker = self._start()
            self._starting[worker.begin.remote()] = worker

    def _give(self, task: Task) -> None:
        task.worker = self._idle.pop()
        with _reaching_ray():
            self._running[task.worker.inspect.remote(task.part)] = task

    def _wait(self) -> dict[int, Any]:
        """Wait until something happens; return results by the number of their part."""
        import ray

        results = {}
        for ref in self._wait_for_any():
            try:
                value = ray.get(ref)
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None
            except ray.exceptions.RayError as error:
                self._replace(ref, error)
                continue
            except OSError as error:
                raise _gone(error) from None
            if ref in self._starting:
                self._welcome(self._starting.pop(ref), value)
            else:
                task = self._running.pop(ref)
                self._idle.append(task.worker)
                results[task.number] = value
        return results

    def _wait_for_any(self) -> list[Any]:
        """Return what is ready, once something is."""
        import ray

        while True:
            with _reaching_ray():
                ready = ray.wait([*self._starting, *self._running], timeout=PATIENCE)[0]
            if ready:
                return ready
            _check_alive()

    def _welcome(self, worker: Any, settings: dict[str, Any]) -> None:
        if self.settings is None:
            self.settings = settings
        for key, value in settings.items():
            if self.settings.get(key) != value:
                raise ValueError(
                    f"a worker has {key} = {value!r}, another one {self.settings.get(key)!r}; give "
                    "all machines the same models and processors"
                )
        self._failed_starts = 0
        self._idle.append(worker)

    def _replace(self, ref: Any, error: Exception) -> None:
        import ray

        reason = _last_line(error)
        lost = self._starting.get(ref) or self._running[ref].worker
        with _reaching_ray():
            ray.kill(lost)  # it may only be out of reach, and would keep its processor
        if ref in self._starting:
            del self._starting[ref]
            self._failed_starts += 1
            if self._failed_starts >= MOST_DEATHS:
                raise OSError(f"workers die before they can inspect ({reason})")
            logger.warning("a worker died while it started (%s); another one is started", reason)
        else:
            task = self._running.pop(ref)
            task.deaths += 1
            if task.deaths >= MOST_DEATHS:
                raise OSError(
                    f"{task.deaths} workers died one after the other on {task.part} ({reason}); "
                    "the rows before are saved, --resume continues after them"
                )
            self._again.append(task)
            logger.warning("a worker died (%s); another one inspects its files", reason)
        self._hire()


def _check_alive() -> None:
    """Raise OSError if no machine of the cluster is left; then nothing would ever be done."""
    import ray

    try:
        alive = any(node["Alive"] for node in ray.nodes())
    except Exception as error:  # its own errors, and those of the network
        raise _gone(error) from None
    if not alive:
        raise _gone("no machine is left")


@contextmanager
def _reaching_ray() -> Iterator[None]:
    """Say that the cluster has gone if Ray's own processes cannot be reached."""
    import ray

    try:
        yield
    except (OSError, ray.exceptions.RayError) as error:
        raise _gone(error) from None


def _gone(reason: Exception | str) -> OSError:
    """Return the error of a cluster that is no more, with the last line of what Ray says."""
    return OSError(
        f"the cluster has gone ({_last_line(reason)}); the rows before are saved, --resume "
        "continues after them"
    )


def _after(former: Future | None, deliver: Callable[[Any], None], result: Any) -> None:
    """Deliver a result, unless the one before it could not be delivered."""
    if former is not None:
        former.result()
    deliver(result)


def _last_line(error: Exception | str) -> str:
    lines = [line.strip() for line in re.sub(r"\x1b\[\d*m", "", str(error)).splitlines()]
    return next(filter(None, reversed(lines)), type(error).__name__)
