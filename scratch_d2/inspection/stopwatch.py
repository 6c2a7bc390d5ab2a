"""The time of the stages of a run, summed over threads."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


class Stopwatch:
    """Sums the seconds of named stages over all threads, waiting included.

    Attributes:
        seconds: by stage.
        images: number of images that the run has finished.
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

    def add(self, seconds: Mapping[str, float]) -> None:
        """Add what another stopwatch has summed, but for "all"."""
        with self._lock:
            for stage, value in seconds.items():
                if stage != "all":
                    self.seconds[stage] += value
