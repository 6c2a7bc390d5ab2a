"""Keep two runs from writing results to one address, where no file can be locked."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

NAME = ".running.json"
# A run says so often that it still writes; one that was silent for so long was killed. Seconds.
REFRESHED, GONE = 30.0, 120.0


class Place(Protocol):
    """Where results are written, as `PartStore` is."""

    def read(self, name: str) -> bytes:
        """Return the content of a file."""

    def write(self, name: str, content: bytes) -> None:
        """Write a file."""

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""


@contextmanager
def held(place: Place) -> Iterator[None]:
    """Mark a place as being written, and renew the mark until the end.

    Of two runs that begin within the same moment both may go through, as a storage cannot make a
    file only if there is none.

    Raises OSError if another run has marked it in the last two minutes.
    """
    _refuse_second(place)
    stopped = threading.Event()

    def mark() -> None:
        said = {"host": socket.gethostname(), "time": time.time()}
        place.write(NAME, json.dumps(said).encode())

    mark()
    thread = threading.Thread(target=_renew, args=(mark, stopped), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
        place.remove(NAME)


def _renew(mark: Callable[[], None], stopped: threading.Event) -> None:
    while not stopped.wait(REFRESHED):
        try:
            mark()
        except OSError:  # a storage out of reach for a while; parts that fail end the run
            continue


def _refuse_second(place: Place) -> None:
    try:
        said = json.loads(place.read(NAME))
        host, silent = str(said["host"]), time.time() - float(said["time"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return
    if silent < GONE:
        raise OSError(
            f"output {str(place)!r} is being written by another run (on {host}, {silent:.0f} s "
            f"ago); wait for its end or name another one; if that run was killed, begin again in "
            f"{GONE:.0f} s"
        )
