"""Tell a program or a web address each verdict, beside the inspection and never in its way."""

from __future__ import annotations

import json
import logging
import queue
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from scratch_d2.inspection.rows import Row
from scratch_d2.utils.counting import count_of
from scratch_d2.utils.progress import say

CAPACITY = 1000  # rows that may wait
PATIENCE = 10.0  # seconds for one row
LAST_WAIT = 30.0  # seconds for the rows that wait when the run ends ...
UNSAID = 1.0  # seconds of waiting without a word
STOPPED_WAIT = 2.0  # ... and when it is interrupted
FULL = "dropped, because more than {} rows were waiting"
LEFT = "not delivered before the run ended"
logger = logging.getLogger(__name__)


class Undelivered(Exception):
    """A row that was not taken; the message is the kind of failure."""


class Notifier:
    """Passes rows on in a thread of its own, one after the other, in their order.

    A failure is logged once of its kind and counted. It never stops the run, as all rows are in
    results.jsonl. Rows that come while `capacity` others wait are dropped.
    """

    def __init__(self, target: str, capacity: int = CAPACITY, patience: float = PATIENCE) -> None:
        """Start the thread.

        Args:
            target: a command, which gets each row as JSON on its standard input, or an address
                beginning with http:// or https://, which gets it by POST.
            capacity: rows that may wait.
            patience: seconds that one row may take.

        Raises ValueError or FileNotFoundError for a target that can never work.
        """
        self.target, self.capacity = target, capacity
        self.delivered, self.failed = 0, Counter[str]()
        self._deliver = _choose_delivery(target, patience)
        self._waiting: queue.Queue[Row | None] = queue.Queue(capacity)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def send(self, rows: Sequence[Row]) -> None:
        """Have rows passed on; returns at once."""
        for row in rows:
            try:
                self._waiting.put_nowait(row)
            except queue.Full:
                self._count(FULL.format(self.capacity))

    def count_waiting(self) -> int:
        """Return how many rows are not delivered yet."""
        return self._waiting.unfinished_tasks

    def wait(self, seconds: float) -> bool:
        """Wait for the rows that are left, so long at most; return whether none is left."""
        end = time.monotonic() + seconds
        while self.count_waiting() and time.monotonic() < end:
            time.sleep(0.01)
        return not self.count_waiting()

    def close(self, wait: float = LAST_WAIT) -> str:
        """Wait for the rows that are left, so many seconds at most; return what became of all."""
        if not self.wait(min(wait, UNSAID)):
            waiting = self.count_waiting()
            say(f"--on-verdict: {waiting} rows are waiting, {wait:g} s at most", sys.stderr)
            self.wait(wait - UNSAID)
        self._stop.set()
        failed = self.failed + Counter({LEFT: self.count_waiting()})
        kinds = "".join(f"; {count} {kind}" for kind, count in failed.items())
        rows = count_of(self.delivered, "row")
        return f"--on-verdict: {rows} delivered{kinds}"

    def _run(self) -> None:
        while not self._stop.is_set():
            row = self._waiting.get()
            try:
                self._deliver(json.dumps(row).encode())
                self.delivered += 1
            except Undelivered as failure:
                self._count(str(failure))
            except Exception as error:  # what nobody foresaw must not end the thread
                self._count(f"not taken ({type(error).__name__})")
            self._waiting.task_done()

    def _count(self, kind: str) -> None:
        if kind not in self.failed:
            logger.warning("--on-verdict: a row was %s; the others of this kind are counted", kind)
        self.failed[kind] += 1


@contextmanager
def notifying(target: str | None) -> Iterator[Callable[[Sequence[Row]], None] | None]:
    """Yield what passes rows on to a target, None without one; in the end say what became of them.

    Raises what `Notifier` raises.
    """
    if target is None:
        yield None
        return
    notifier, wait = Notifier(target), STOPPED_WAIT
    try:
        yield notifier.send
        wait = LAST_WAIT
    finally:
        say(notifier.close(wait), sys.stderr)


def _choose_delivery(target: str, patience: float) -> Callable[[bytes], None]:
    if target.lower().startswith(("http://", "https://")):
        return _Post(target, patience)
    return _Program(target, patience)


class _Program:
    """Run a program for a row, without a shell."""

    def __init__(self, command: str, patience: float) -> None:
        try:
            self.words = shlex.split(command)
        except ValueError as error:
            raise ValueError(f"--on-verdict {command!r}: not a command ({error})") from None
        if not self.words or shutil.which(self.words[0]) is None:
            raise FileNotFoundError(
                f"--on-verdict {command!r}: no such program; accepted are a command and an address "
                "beginning with http:// or https://"
            )
        self.patience = patience

    def __call__(self, content: bytes) -> None:
        try:
            # What it prints is no output of this run. A session of its own: Ctrl-C is not for it.
            done = subprocess.run(
                self.words,
                input=content + b"\n",
                stdout=subprocess.DEVNULL,
                timeout=self.patience,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            raise Undelivered(f"not taken within {self.patience:g} s") from None
        except OSError as error:
            raise Undelivered(f"not taken ({error.strerror or error})") from None
        if done.returncode:
            raise Undelivered(f"refused with exit code {done.returncode}")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET, without the row."""

    def redirect_request(self, *_: Any) -> None:
        """Refuse."""


class _Post:
    """Send a row to a web address."""

    def __init__(self, address: str, patience: float) -> None:
        try:
            parts = urlsplit(address)
            usable = bool(parts.hostname) and parts.username is None and parts.port != 0
            usable = usable and re.fullmatch(r"[!-~]+", address) is not None
        except ValueError:
            usable = False
        if not usable:
            raise ValueError(
                f"--on-verdict {address!r}: not an address that rows can be sent to; accepted is "
                "http:// or https:// with a host, without a user name"
            )
        self.address, self.patience = address, patience
        self.opener = urllib.request.build_opener(_NoRedirect)

    def __call__(self, content: bytes) -> None:
        headers = {"Content-Type": "application/json", "User-Agent": "scratch_d2"}
        request = urllib.request.Request(self.address, content, headers, method="POST")
        try:
            with self.opener.open(request, timeout=self.patience):
                pass
        except urllib.error.HTTPError as error:
            error.close()
            raise Undelivered(f"refused with HTTP {error.code}") from None
        except TimeoutError:
            raise Undelivered(f"not taken within {self.patience:g} s") from None
        except (OSError, urllib.error.URLError) as error:
            reason = getattr(error, "reason", error)
            raise Undelivered(
                f"not taken ({getattr(reason, 'strerror', None) or reason})"
            ) from None
