"""The folder of a prediction run: taken by one run at a time, new, completed or replaced."""

import json
import shutil
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from scratch_d2.inspection.inputs import RESULTS, Source
from scratch_d2.inspection.pictures import FOLDERS
from scratch_d2.inspection.rows import RowFile
from scratch_d2.inspection.watch import fingerprint
from scratch_d2.utils.files import prepare_output_dir, write_atomically

SETTINGS, LOCK = "settings.json", ".lock"
OUTPUTS = (RESULTS, SETTINGS, "results.csv", "summary.json", "coco_instances_results.json")


@contextmanager
def open_results(
    folder: Path, settings: dict[str, Any], resume: bool = False, overwrite: bool = False
) -> Iterator[RowFile]:
    """Make a results folder ready, new, taken up again or emptied, and keep other runs out of it.

    Raises:
        FileExistsError: it holds results and neither `resume` nor `overwrite` is given.
        ValueError: it holds results made with other settings than those to resume with.
        OSError: it cannot be written, or another run is writing it.
    """
    prepare_output_dir(folder)
    try:
        # Held by the process, not by the file: what a killed run leaves behind keeps nobody out.
        with FileLock(folder / LOCK, timeout=0):
            yield _prepare(folder, settings, resume, overwrite)
    except Timeout:
        raise OSError(
            f"output folder {str(folder)!r} is being written by another run; wait for its end or "
            "choose another folder"
        ) from None


def _prepare(folder: Path, settings: dict[str, Any], resume: bool, overwrite: bool) -> RowFile:
    rows, stated = RowFile(folder / RESULTS), folder / SETTINGS
    if overwrite:
        for name in OUTPUTS:
            (folder / name).unlink(missing_ok=True)
        for name in FOLDERS:
            shutil.rmtree(folder / name, ignore_errors=True)
    elif not resume and rows.path.exists() and rows.path.stat().st_size:
        raise FileExistsError(
            f"output folder {str(folder)!r} already holds results; pass --resume to complete them "
            "or --overwrite to replace them"
        )
    if stated.is_file():
        _check_unchanged(stated, settings)
    rows.repair()
    for name in FOLDERS:
        (folder / name).mkdir(exist_ok=True)
    write_atomically(json.dumps(settings, indent=2) + "\n", stated)
    return rows


def _check_unchanged(stated: Path, settings: dict[str, Any]) -> None:
    try:
        former = dict(json.loads(stated.read_text("utf-8")))
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{str(stated)!r} does not say how the results beside it were made ({error}); pass "
            "--overwrite or choose another folder"
        ) from None
    for key, value in settings.items():
        if former.get(key) != value:
            raise ValueError(
                f"output folder {str(stated.parent)!r} holds results with {key} = "
                f"{former.get(key)!r}, now it is {value!r}; pass --overwrite or choose another "
                "folder"
            )


def skip_done(
    rows: RowFile, sources: Iterable[Source], batch_size: int
) -> tuple[int, Iterable[Source]]:
    """Return how many rows there are, and the sources that have none.

    Where the rows are those of the first sources, in order, as a killed run of the same inputs
    leaves them, rows of a batch that was not finished are cut off: in the same batches a network
    gives the same numbers to the last bit. This needs memory for one batch only.
    """
    sources, count = iter(sources), 0
    last: deque[Source] = deque(maxlen=batch_size)
    for row in rows:
        source = next(sources, None)
        if source is None or str(source.path) != row["file"]:
            return _skip_known(rows, chain([source] if source else [], sources))
        last.append(source)
        count += 1
    following = next(sources, None)
    if following is None:
        return count, []
    unfinished = count % batch_size
    if unfinished:
        rows.keep(count - unfinished)
    again = list(last)[len(last) - unfinished :]
    return count - unfinished, chain(again, [following], sources)


def _skip_known(rows: RowFile, sources: Iterable[Source]) -> tuple[int, Iterable[Source]]:
    names = [row["file"] for row in rows]
    known = set(names)
    return len(names), (source for source in sources if str(source.path) not in known)


def read_taken(rows: RowFile) -> tuple[int, set[int]]:
    """Return how many rows there are, and the fingerprints of the watched files among them."""
    count, taken = 0, set()
    for row in rows:
        count += 1
        if "stamp" in row:
            taken.add(fingerprint(Source(Path(row["file"]), tuple(row["stamp"]))))
    return count, taken
