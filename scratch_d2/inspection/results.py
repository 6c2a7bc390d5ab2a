"""The results folder of a prediction run: locked by one run, new, resumed or overwritten."""

import json
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from scratch_d2.inspection.inputs import RESULTS, InputFile, read_input
from scratch_d2.inspection.pictures import FOLDERS, remove_pictures
from scratch_d2.inspection.rows import Row, RowFile
from scratch_d2.inspection.watch import fingerprint
from scratch_d2.structures.labels import BAD, GOOD
from scratch_d2.structures.run_record import SETTINGS, SUMMARY
from scratch_d2.structures.thresholds import RENAMED
from scratch_d2.utils.counting import count_of
from scratch_d2.utils.files import prepare_output_dir, write_atomically
from scratch_d2.utils.remote import to_path

LOCK = ".lock"
OUTPUTS = (RESULTS, SETTINGS, "results.csv", SUMMARY, "coco_instances_results.json")
# How versions worked that did not have these settings yet.
EARLIER = {
    "white_level": 0.0,
    "image_check": False,
    "gate_upper_threshold": None,
    "review_disagreement": False,
    "pixels_per_mm": 0.0,
    "area_scaling": "none",
    "shard": None,
    "format": "jsonl",
    "runtime": "torch",
}
# Settings that the machine decides unless a key of the same name does.
CHOSEN_KEYS = ("precision", "runtime")
logger = logging.getLogger(__name__)


@contextmanager
def open_results(
    folder: Path, settings: dict[str, Any], resume: bool = False, overwrite: bool = False
) -> Iterator[RowFile]:
    """Prepare a results folder, new, resumed or emptied, and lock it.

    Raises:
        FileExistsError: it holds results and neither `resume` nor `overwrite` is given, or it holds
            photographs in good/ or bad/.
        ValueError: it holds results of a run with other settings.
        OSError: it cannot be written, or another run is writing it.
    """
    check_no_photographs(str(folder), lambda name: (folder / name).is_dir())
    prepare_output_dir(folder)
    try:
        # The process holds the lock, not the file: the file of a killed run locks nobody out.
        with FileLock(folder / LOCK, timeout=0):
            yield _prepare(folder, settings, resume, overwrite)
    except Timeout:
        raise OSError(
            f"output folder {str(folder)!r} is being written by another run; wait for its end or "
            "choose another folder"
        ) from None


def check_no_photographs(folder: str, exists: Callable[[str], bool]) -> None:
    """Raise FileExistsError if a folder holds good/ or bad/: its masks/ may be made by hand."""
    for name in (GOOD, BAD):
        if exists(name):
            raise FileExistsError(
                f"output folder {folder!r} holds photographs in {name}/, and results would mix with"
                " their masks; choose another folder"
            )


def _prepare(folder: Path, settings: dict[str, Any], resume: bool, overwrite: bool) -> RowFile:
    rows, settings_file = RowFile(folder / RESULTS), folder / SETTINGS
    if overwrite:
        for name in OUTPUTS:
            (folder / name).unlink(missing_ok=True)
        remove_pictures(folder)
    elif not resume and rows.path.exists() and rows.path.stat().st_size:
        raise FileExistsError(
            f"output folder {str(folder)!r} already holds results; pass --resume to complete them "
            "or --overwrite to replace them"
        )
    if settings_file.is_file():
        _check_unchanged(settings_file, settings)
    rows.repair()
    first = next(iter(rows), None)
    if first is not None and "timestamp" not in first:
        logger.warning(
            "%s holds rows of an earlier version: they have no timestamp and no model_id, and their"
            " reasons are in other words",
            rows.path,
        )
    for name in FOLDERS:
        (folder / name).mkdir(exist_ok=True)
    write_atomically(json.dumps(settings, indent=2) + "\n", settings_file)
    return rows


def _check_unchanged(file: Path, settings: dict[str, Any]) -> None:
    try:
        saved = dict(json.loads(file.read_text("utf-8")))
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{str(file)!r} does not say how the results beside it were made ({error}); pass "
            "--overwrite or choose another folder"
        ) from None
    compare_settings(saved, settings, str(file.parent))


def compare_settings(saved: dict[str, Any], settings: dict[str, Any], folder: str) -> None:
    """Raise ValueError naming a setting that differs from the one that results were made with."""
    saved = {RENAMED.get(key, key): value for key, value in saved.items()}
    # Which models an earlier version used, their paths alone say.
    saved = {**EARLIER, "model_id": settings.get("model_id"), **saved}
    for key, value in settings.items():
        if saved.get(key) != value:
            # Results that were begun on another machine need not be thrown away.
            keep = f"set SCRATCH.{key.upper()} {saved.get(key)}, " if key in CHOSEN_KEYS else ""
            raise ValueError(
                f"output folder {folder!r} holds results with {key} = {saved.get(key)!r}, now it "
                f"is {value!r}; {keep}pass --overwrite or choose another folder"
            )


def skip_done(
    rows: RowFile, input_files: Iterable[InputFile], batch_size: int, keep_ids: bool = False
) -> tuple[int, Iterable[InputFile]]:
    """Return the image_id of the next row, and the input files that have no row.

    A killed run of the same inputs leaves the rows of the first input files, in order. Then the
    rows of an unfinished batch are removed, because a network gives the same numbers to the last
    bit only in the same batches; this needs memory for one batch only. Files that could not be read
    before, and now can, lose their row and come first.

    Args:
        keep_ids: these files keep the image_id of their row.

    Raises ValueError, when it comes to such a file, if a file with an image_id had another one.
    """
    left = _skip_known_batches(rows, input_files, batch_size)
    following = 1 + max((row["image_id"] for row in rows), default=-1)
    return following, chain(_drop_repaired(rows, keep_ids), left)


def _skip_known_batches(
    rows: RowFile, input_files: Iterable[InputFile], batch_size: int
) -> Iterable[InputFile]:
    input_files, count = iter(input_files), 0
    last: deque[InputFile] = deque(maxlen=batch_size)
    for row in rows:
        input_file = next(input_files, None)
        if input_file is None or not _is_of(row, input_file):
            return _skip_known(rows, chain([input_file] if input_file else [], input_files))
        last.append(input_file)
        count += 1
    following = next(input_files, None)
    if following is None:
        return []
    unfinished = count % batch_size
    if unfinished:
        rows.keep(count - unfinished)
    again = list(last)[len(last) - unfinished :]
    return chain(again, [following], input_files)


def _is_of(row: Row, input_file: InputFile) -> bool:
    same_place = input_file.image_id in (None, row["image_id"])
    return same_place and str(input_file.path) == row["file"]


def _skip_known(rows: RowFile, input_files: Iterable[InputFile]) -> Iterable[InputFile]:
    known = {row["file"]: row["image_id"] for row in rows}
    taken = {image_id: file for file, image_id in known.items()}

    def is_new(input_file: InputFile) -> bool:
        file, image_id = str(input_file.path), input_file.image_id
        if image_id is not None and (
            known.get(file, image_id) != image_id or taken.get(image_id, file) != file
        ):
            raise ValueError(
                f"the inputs have changed since the run of {str(rows.path)!r} began: their file "
                f"{image_id + 1} is now {file!r}; give the same inputs, or pass --overwrite"
            )
        return file not in known

    return filter(is_new, input_files)


def _drop_repaired(rows: RowFile, keep_ids: bool = False) -> list[InputFile]:
    """Remove the rows of files that could not be read before and now can; return these files."""
    ids = {row["file"]: row["image_id"] for row in rows if row["status"] == "error"}
    repaired = {name for name in ids if read_input(to_path(name)).pixels is not None}
    if repaired:
        kept = (row for row in rows if row["file"] not in repaired or row["status"] != "error")
        write_atomically("".join(json.dumps(row) + "\n" for row in kept), rows.path)
        files = count_of(len(repaired), "file")
        logger.warning("inspecting %s again that could not be read before", files)
    return [
        InputFile(to_path(name), image_id=image_id if keep_ids else None)
        for name, image_id in ids.items()
        if name in repaired
    ]


def read_taken(rows: RowFile) -> tuple[int, set[int]]:
    """Return the image_id of the next row, and the fingerprints of the watched files with a row.

    Files that could not be read before, and now can, lose their row and are taken again.
    """
    following = 1 + max((row["image_id"] for row in rows), default=-1)
    _drop_repaired(rows)
    stamped = (row for row in rows if "stamp" in row)
    return following, {fingerprint(InputFile(Path(r["file"]), tuple(r["stamp"]))) for r in stamped}
