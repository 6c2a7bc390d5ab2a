"""Judge together what waits at the same time."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


class Batcher:
    """Threads that take what waits, at most `batch_size` at a time, and work on it together.

    No request waits for others: a batch is what came while the threads were busy.
    """

    def __init__(
        self,
        work: Callable[[list[Any]], list[Any]],
        batch_size: int = 8,
        workers: int = 1,
        begin: Callable[[], None] | None = None,
        observe: Callable[[int], None] | None = None,
    ) -> None:
        """Start the threads.

        Args:
            work: takes a list, returns as many results; an exception among them is raised by the
                future of its item.
            begin: called once by each thread before its first batch.
            observe: called with the size of each batch.
        """
        self._work, self._size = work, batch_size
        self._begin, self._observe = begin, observe
        self._waiting: deque[tuple[Any, Future]] = deque()
        self._changed, self._closed = threading.Condition(), False
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(workers)]
        for thread in self._threads:
            thread.start()

    def submit(self, item: Any) -> Future:
        """Return the future result of an item; RuntimeError after `close`.

        A future that is cancelled before its batch begins costs no work.
        """
        future: Future = Future()
        with self._changed:
            if self._closed:
                raise RuntimeError("the server is closing")
            self._waiting.append((item, future))
            self._changed.notify()
        return future

    @property
    def waiting(self) -> int:
        """How many items wait for a thread."""
        return len(self._waiting)

    @property
    def alive(self) -> bool:
        """Whether every thread is there to work."""
        return not self._closed and all(thread.is_alive() for thread in self._threads)

    def close(self) -> None:
        """Finish what waits, and end the threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        if self._begin is not None:
            self._begin()
        while batch := self._take():
            if self._observe is not None:
                self._observe(len(batch))
            self._finish(batch)

    def _take(self) -> list[tuple[Any, Future]]:
        """Wait for items; [] once the batcher is closed and nothing waits."""
        batch: list[tuple[Any, Future]] = []
        with self._changed:
            while not batch:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if not self._waiting:
                    return []
                while self._waiting and len(batch) < self._size:
                    item, future = self._waiting.popleft()
                    if future.set_running_or_notify_cancel():
                        batch.append((item, future))
        return batch

    def _finish(self, batch: list[tuple[Any, Future]]) -> None:
        try:
            results = self._work([item for item, _ in batch])
        except Exception as error:
            results = [error] * len(batch)
        for (_, future), result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
