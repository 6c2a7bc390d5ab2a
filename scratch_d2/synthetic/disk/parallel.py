"""Do one thing to many items in several processes, with the same bits on every processor."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import wait
from typing import Any

from scratch_d2.utils.opencv import cv2

Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]


def _make_opencv_reproducible() -> None:
    """Let OpenCV compute on one thread and without the instructions only some processors have.

    Its faster paths round differently: from one processor to another, one pixel in about 17,000
    would change by a grey level or two. Pictures of this size are rendered as fast without them.
    """
    cv2.setNumThreads(1)
    cv2.setUseOptimized(False)


@contextmanager
def _reproducible_opencv() -> Iterator[None]:
    threads, optimised = cv2.getNumThreads(), cv2.useOptimized()
    _make_opencv_reproducible()
    try:
        yield
    finally:
        cv2.setUseOptimized(optimised)
        cv2.setNumThreads(threads)


def _leave_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _start_worker() -> None:
    _make_opencv_reproducible()
    # Ctrl-C reaches every process of a terminal; the parent alone says so and ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Workers of a killed process would otherwise wait for its next task for ever.
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_leave_with, args=(parent.sentinel,), daemon=True).start()


@contextmanager
def open_workers(count: int) -> Iterator[Map]:
    """Yield a `map` for one sequence of items that runs in `count` processes, results in order.

    Functions and items must be picklable. One worker is this process itself.

    Raises OSError if a worker is killed, and whatever the functions raise.
    """
    if count == 1:
        with _reproducible_opencv():
            yield map
        return
    # Forking a process whose OpenCV or torch already runs threads can hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, context, initializer=_start_worker) as pool:
        try:
            yield partial(pool.map, chunksize=4)
        except BrokenProcessPool:
            raise OSError(
                "a worker process was killed, perhaps because memory ran out; the same call goes "
                "on where this one stopped, with fewer workers it needs less memory"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)
