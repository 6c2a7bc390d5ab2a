"""A review under way: the queue of photographs, the log of what was said, and what comes next."""

import shlex
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from scratch_d2.formats.review_file import DECISIONS, REVIEWS, SKIP, Action, Review
from scratch_d2.review.log import ReviewLog
from scratch_d2.review.photograph import counted, describe
from scratch_d2.review.queue import Queue, QueueItem, read_queue

LOCK = ".review.lock"


class Session:
    """A review of one results folder; its methods may be called from several threads.

    Methods that take an image_id raise KeyError if it is not under review.
    """

    def __init__(self, queue: Queue, log: ReviewLog) -> None:
        self.queue, self.log = queue, log
        self._ids = {item.row: item.image_id for item in queue.items}
        self._lock = threading.Lock()

    def item(self, image_id: int) -> QueueItem:
        """Return the place of an image in the results."""
        place = self.queue.place(image_id)
        if place is None:
            raise KeyError(image_id)
        return self.queue.items[place]

    def progress(self) -> dict[str, Any]:
        """Return the counts, and which image is to be shown: the most doubtful one left.

        `results` is the folder as a shell takes it.
        """
        with self._lock:
            reviews = self.log.reviews.items()
            decided = Counter(review.decision for row, review in reviews if row in self._ids)
            left = (i.image_id for i in self.queue.items if self.log.of(i.row).decision is None)
            following, after = next(left, None), next(left, None)
            return {
                "total": len(self.queue.items),
                "unreadable": self.queue.unreadable,
                **{word: decided[word] for word in DECISIONS},
                "next": following,
                "after": after,
                "skipped": self._longest_skipped(),
                "can_undo": self.log.can_undo,
                "results": shlex.quote(str(self.queue.folder)),
            }

    def photograph(self, image_id: int) -> dict[str, Any]:
        """Return what the page shows of an image, its review and its neighbours in the order."""
        item = self.item(image_id)
        row = self.queue.read_row(item)
        place, items = self.queue.place(image_id) or 0, self.queue.items
        with self._lock:
            review = self.log.of(item.row)
        return {
            **describe(row, self.queue.thresholds),
            "doubt": item.doubt.why,
            "row": item.row,
            "place": place + 1,
            "previous": items[place - 1].image_id if place else None,
            "following": items[place + 1].image_id if place + 1 < len(items) else None,
            "decision": review.decision,
            "struck": review.struck,
        }

    def review(self, image_id: int, review: Review) -> None:
        """Save what a person said of an image.

        Raises ValueError if an outline is struck that is not shown, and OSError if it cannot
        be saved.
        """
        item = self.item(image_id)
        shown = counted(self.queue.read_row(item), self.queue.thresholds.score)
        strange = sorted(set(review.struck) - set(shown))
        if strange:
            raise ValueError(f"outline {strange[0]} of image {image_id} is not shown")
        with self._lock:
            self.log.add(Action(image_id, item.file, item.row, review))

    def undo(self) -> int | None:
        """Take back the last action; returns its image_id, or None if there is none."""
        with self._lock:
            action = self.log.undo()
        return None if action is None else action.image_id

    def _longest_skipped(self) -> int | None:
        skipped = (row for row, review in self.log.reviews.items() if review.decision == SKIP)
        return next((self._ids[row] for row in skipped if row in self._ids), None)


@contextmanager
def open_session(folder: str | Path, count: int | None = None) -> Iterator[Session]:
    """Open the review of a results folder and lock it; `count` as `read_queue` takes it.

    Raises what `read_queue` raises, ValueError for a damaged file of reviews, and OSError if
    another process reviews the folder or it cannot be written.
    """
    folder = Path(folder)
    queue = read_queue(folder, count)
    try:
        with FileLock(folder / LOCK, timeout=0):
            yield Session(queue, ReviewLog(folder / REVIEWS))
    except Timeout:
        raise OSError(f"results folder {str(folder)!r} is being reviewed already") from None
