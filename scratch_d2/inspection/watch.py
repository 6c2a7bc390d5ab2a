"""A folder into which a line drops files: take each once it is complete."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from scratch_d2.data.images import try_read
from scratch_d2.inspection.inputs import Source, walk_images
from scratch_d2.utils.files import file_stamp

SHORT = 2  # numbers of a stamp in rows of earlier versions


class Watch:
    """Looks into a folder and its subfolders again and again, on network drives too.

    A file is complete when its size and time of change have stood still for `settle` seconds and
    it can be read. What cannot be read is given `patience` seconds without a change, then it is
    handed out all the same, and becomes a row that says why. A file that is changed after it was
    taken is another file.

    Attributes:
        stop: once set, the watch ends; files that are not complete by then are left for the next.
    """

    def __init__(
        self,
        folder: str | Path,
        settle: float = 1.0,
        patience: float = 10.0,
        pause: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set up a watch that looks again after `pause` seconds.

        Raises FileNotFoundError where there is no such folder.
        """
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise FileNotFoundError(f"watched folder {str(folder)!r}: no such folder")
        self.settle, self.patience, self.pause, self.clock = settle, patience, pause, clock
        self.stop = threading.Event()

    def batches(self, taken: set[int], batch_size: int) -> Iterator[list[Source]]:
        """Yield complete files that were not taken yet, in batches; an empty one after each look.

        Args:
            taken: `fingerprint`s of the files that were handed out before, and in the end of these
                as well. It never forgets, or a drive that is gone for a moment would have all its
                files inspected again; a million files take less than 100 MB.
        """
        since: dict[Source, float] = {}
        while not self.stop.is_set():
            fresh = [source for source in self._look() if not _is_taken(source, taken)]
            now = self.clock()
            since = {source: since.get(source, now) for source in fresh}
            ready = [source for source in fresh if self._is_complete(source, now - since[source])]
            for start in range(0, len(ready), batch_size):
                if self.stop.is_set():
                    return
                batch = ready[start : start + batch_size]
                taken.update(map(fingerprint, batch))
                yield batch
            yield []
            self.stop.wait(self.pause)

    def _look(self) -> list[Source]:
        found = []
        for path in walk_images(self.folder):
            try:
                state = os.stat(path)
            except OSError:  # gone between the two looks
                continue
            found.append(Source(path, file_stamp(state)))
        return found

    def _is_complete(self, source: Source, age: float) -> bool:
        if age < self.settle:
            return False
        return age >= self.patience or try_read(source.path)[0] is not None


def _is_taken(source: Source, taken: set[int]) -> bool:
    short = source._replace(stamp=source.stamp and source.stamp[:SHORT])
    return fingerprint(source) in taken or fingerprint(short) in taken


def fingerprint(source: Source) -> int:
    """Return a number that stands for a file and its stamp within this process."""
    path, stamp = source
    return hash((str(path), *(stamp or ())))
