"""Watch a folder that receives files, and take each file once it is complete."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from scratch_d2.inspection.inputs import InputFile, choose_folders, read_input
from scratch_d2.utils.files import file_stamp
from scratch_d2.utils.folders import walk_images

SHORT = 2  # numbers of a stamp in rows of earlier versions


class Watch:
    """Polls a folder and its subfolders, on network drives as well.

    A file is complete if its size and its times have not changed for `settle` seconds and it can be
    read. A file that cannot be read is taken after `patience` seconds without a change, and its row
    gives the reason. A file that changes after it was taken counts as another file.

    Attributes:
        stop: ends the watch when set; files that are not complete then are left for the next run.
    """

    def __init__(
        self,
        folder: str | Path,
        settle: float = 1.0,
        patience: float = 10.0,
        pause: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare a watch that polls every `pause` seconds.

        Raises FileNotFoundError if there is no such folder.
        """
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise FileNotFoundError(f"watched folder {str(folder)!r}: no such folder")
        self.settle, self.patience, self.pause, self.clock = settle, patience, pause, clock
        self.stop = threading.Event()

    def batches(self, taken: set[int], batch_size: int) -> Iterator[list[InputFile]]:
        """Yield batches of complete files that were not taken yet, and [] after each poll.

        Args:
            taken: `fingerprint`s of the files taken before; those of the yielded files are added.
                None is ever removed: if a drive were gone for a moment, all its files would be
                inspected again. A million files take less than 100 MB.
        """
        since: dict[InputFile, float] = {}
        while not self.stop.is_set():
            fresh = [
                input_file for input_file in self._list_files() if not _is_taken(input_file, taken)
            ]
            now = self.clock()
            since = {input_file: since.get(input_file, now) for input_file in fresh}
            ready = [
                input_file
                for input_file in fresh
                if self._is_complete(input_file, now - since[input_file])
            ]
            for start in range(0, len(ready), batch_size):
                if self.stop.is_set():
                    return
                batch = ready[start : start + batch_size]
                taken.update(map(fingerprint, batch))
                yield batch
            yield []
            self.stop.wait(self.pause)

    def _list_files(self) -> list[InputFile]:
        files = []
        for path in walk_images(self.folder, choose_folders):
            try:
                state = os.stat(path)
            except OSError:  # deleted since it was listed
                continue
            files.append(InputFile(path, file_stamp(state)))
        return files

    def _is_complete(self, input_file: InputFile, age: float) -> bool:
        if age < self.settle:
            return False
        return age >= self.patience or read_input(input_file.path).pixels is not None


def _is_taken(input_file: InputFile, taken: set[int]) -> bool:
    short = input_file._replace(stamp=input_file.stamp and input_file.stamp[:SHORT])
    return fingerprint(input_file) in taken or fingerprint(short) in taken


def fingerprint(input_file: InputFile) -> int:
    """Return a hash of a file's path and stamp, valid within this process."""
    return hash((str(input_file.path), *(input_file.stamp or ())))
