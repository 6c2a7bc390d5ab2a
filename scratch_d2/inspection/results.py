"""The folder of a prediction run: taken by one run at a time, new, completed or replaced."""

import json
import logging
import shutil
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from scratch_d2.data.images import try_read
from scratch_d2.inspection.inputs import RESULTS, Source
from scratch_d2.inspection.pictures import FOLDERS
from scratch_d2.inspection.rows import RowFile
from scratch_d2.inspection.watch import fingerprint
from scratch_d2.utils.files import prepare_output_dir, write_atomically

SETTINGS, LOCK = "settings.json", ".lock"
OUTPUTS = (RESULTS, SETTINGS, "results.csv", "summary.json", "coco_instances_results.json")
logger = logging.getLogger(__name__)


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
    former.setdefault("white_level", 0.0)  # which earlier versions did not have
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
    """Return the image_id of the next row, and the sources that have no row.

    Where the rows are those of the first sources, in order, as a killed run of the same inputs
    leaves them, rows of a batch that was not finished are cut off: in the same batches a network
    gives the same numbers to the last bit. This needs memory for one batch only. Files that could
    not be read and now can lose their row and come first.
    """
    left = _skip_known_batches(rows, sources, batch_size)
    following = 1 + max((row["image_id"] for row in rows), default=-1)
    return following, chain(_drop_repaired(rows), left)


def _skip_known_batches(
    rows: RowFile, sources: Iterable[Source], batch_size: int
) -> Iterable[Source]:
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
        return []
    unfinished = count % batch_size
    if unfinished:
        rows.keep(count - unfinished)
    again = list(last)[len(last) - unfinished :]
    return chain(again, [following], sources)


def _skip_known(rows: RowFile, sources: Iterable[Source]) -> Iterable[Source]:
    known = {row["file"] for row in rows}
    return (source for source in sources if str(source.path) not in known)


def _drop_repaired(rows: RowFile) -> list[Source]:
    """Take out the rows of unreadable files that can be read now, and return these files."""
    paths = {row["file"]: Path(row["file"]) for row in rows if row["status"] == "error"}
    repaired = {name for name, path in paths.items() if try_read(path)[0] is not None}
    if repaired:
        kept = (row for row in rows if row["file"] not in repaired or row["status"] != "error")
        write_atomically("".join(json.dumps(row) + "\n" for row in kept), rows.path)
        files = "1 file" if len(repaired) == 1 else f"{len(repaired)} files"
        logger.warning("inspecting %s again that could not be read before", files)
    return [Source(paths[name]) for name in paths if name in repaired]


def read_taken(rows: RowFile) -> tuple[int, set[int]]:
    """Return the image_id of the next row, and the fingerprints of the watched files with a row.

    Files that could not be read and now can lose their row, so that the watch takes them again.
    """
    following = 1 + max((row["image_id"] for row in rows), default=-1)
    _drop_repaired(rows)
    stamped = (row for row in rows if "stamp" in row)
    return following, {fingerprint(Source(Path(r["file"]), tuple(r["stamp"]))) for r in stamped}
