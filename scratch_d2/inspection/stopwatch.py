"""How long the stages of a run take, added up over threads."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Adds up the seconds of named stages; a thread that waits for its turn counts as well.

    Attributes:
        seconds: by stage, over all threads.
        images: how many the run has come to.
    """

    def __init__(self) -> None:
        self.images = 0
        self.seconds: dict[str, float] = defaultdict(float)
        self._lock = threading.Lock()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        begin = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self.seconds[stage] += time.perf_counter() - begin
