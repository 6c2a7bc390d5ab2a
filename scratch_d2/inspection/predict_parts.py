"""Prediction on a cluster whose workers write the results themselves, in parts."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any

from scratch_d2.inspection.crew import Crew
from scratch_d2.inspection.inputs import InputFile, in_batches
from scratch_d2.inspection.jobs import make_jobs
from scratch_d2.inspection.options import Options
from scratch_d2.inspection.parts import PartName, PartStore
from scratch_d2.inspection.results import check_no_photographs, compare_settings
from scratch_d2.inspection.rows import Row
from scratch_d2.inspection.stopwatch import Stopwatch
from scratch_d2.inspection.worker import Part, Result
from scratch_d2.structures.run_record import RAN_IN, SETTINGS, SUMMARY
from scratch_d2.utils.progress import Progress

PART_SIZE = 512
READERS = 16  # parts that are read at the same time, mostly to wait for a storage
COUNTED = ("status", "verdict", "file", "error")


def predict_in_parts(
    crew: Crew,
    input_files: Iterable[InputFile],
    store: PartStore,
    options: Options,
    part_size: int = PART_SIZE,
    total: int | None = None,
) -> tuple[dict[str, Any], Stopwatch]:
    """Inspect files on a crew that was connected with the same store.

    A part holds the rows of `part_size` files, rounded up to whole batches, in the order of the
    input files. A run that is killed and resumed inspects the parts that are missing. The rows are
    those of `predict_files`, but for the timestamps.

    Returns the summary and the times of the stages. Raises what `Crew.begin` and `Crew.run` raise,
    FileExistsError if there are results and neither `resume` nor `overwrite` is given, ValueError
    if they were made with other settings or of other files, OSError if they cannot be written.
    """
    batches = -(-part_size // options.batch_size)
    sizes = {"format": "parquet", "part_size": batches * options.batch_size}
    settings, stopwatch = {**crew.begin(), **sizes}, Stopwatch()
    check_no_photographs(str(store), store.exists)
    store.prepare()
    with store.locked():
        _open(store, settings, options)
        present = dict(store.names())
        expected: list[PartName] = []
        with Progress("inspecting", total) as progress, stopwatch("all"):

            def take(result: Result) -> None:
                _check_written(store, result)
                stopwatch.add(result.seconds)
                stopwatch.images += result.images
                progress.update(result.images)

            parts = _split(input_files, options.batch_size, batches)
            missing = _skip_present(parts, present, expected, store, progress)
            try:
                crew.run(missing, take)
            except KeyboardInterrupt:
                raise KeyboardInterrupt(
                    f"the {len(store.names())} parts in {store} are complete, --resume continues "
                    "after them"
                ) from None
        return _summarise(store, expected, settings), stopwatch


def _open(store: PartStore, settings: dict[str, Any], options: Options) -> None:
    if options.overwrite:
        store.clear()
        store.prepare()
    saved = store.read_settings()
    if saved is not None and not options.resume:
        raise FileExistsError(
            f"output folder {str(store)!r} already holds results; pass --resume to complete them "
            "or --overwrite to replace them"
        )
    if saved is not None:
        compare_settings(saved, settings, str(store))
    store.write(SETTINGS, (json.dumps(settings, indent=2) + "\n").encode())


def _split(
    input_files: Iterable[InputFile], batch_size: int, batches: int
) -> Iterator[tuple[PartName, Part]]:
    input_files, size = iter(input_files), batch_size * batches
    for number in count():
        files = list(islice(input_files, size))
        if not files:
            return
        jobs = make_jobs(in_batches(files, batch_size), number * size)
        name = PartName.of(number, files)
        yield name, Part(list(jobs), name)


def _skip_present(
    parts: Iterable[tuple[PartName, Part]],
    present: dict[int, str],
    expected: list[PartName],
    store: PartStore,
    progress: Progress,
) -> Iterator[Part]:
    """Yield the parts that are not present, and note all that are expected.

    Raises ValueError if a part is present that was made of other files.
    """
    for name, part in parts:
        expected.append(name)
        digest = present.pop(name.number, None)
        if digest is None:
            yield part
        elif digest == name.digest:
            progress.update(sum(map(len, part.batches)))
        else:
            raise ValueError(_changed(store, name.number))
    if present:
        raise ValueError(_changed(store, min(present)))


def _changed(store: PartStore, number: int) -> str:
    return (
        f"the inputs have changed since the run of {str(store)!r} began: part {number} was made of "
        "other files; give the same inputs, or pass --overwrite"
    )


def _check_written(store: PartStore, result: Result) -> None:
    if result.name is not None and not store.has(result.name):
        raise OSError(
            f"results {str(store)!r}: a worker has written {result.name}, but it is not there; "
            "--output must be an address, or a folder on a drive that all machines mount"
        )


def _summarise(store: PartStore, names: list[PartName], settings: dict[str, Any]) -> dict[str, Any]:
    """Write summary.json from the parts, and return it."""
    verdicts: Counter[str] = Counter({"good": 0, "bad": 0, "review": 0})
    errors: list[Row] = []
    with ThreadPoolExecutor(READERS) as pool:
        for rows in pool.map(partial(store.read_part, columns=COUNTED), names):
            verdicts.update(row["verdict"] for row in rows if row["status"] != "error")
            failed = (row for row in rows if row["status"] == "error")
            errors += [{"file": row["file"], "error": row["error"]} for row in failed]
    summary = {
        "images": sum(verdicts.values()) + len(errors),
        "verdicts": dict(verdicts),
        "unreadable": errors,
        "settings": settings,
        RAN_IN: str(Path.cwd()),
    }
    store.write(SUMMARY, (json.dumps(summary, indent=2) + "\n").encode())
    return summary
