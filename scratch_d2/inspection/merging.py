"""Join the results of shards into those of one run."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from scratch_d2.inspection.inputs import RESULTS
from scratch_d2.inspection.results import open_results
from scratch_d2.inspection.rows import Row, RowFile, write_derived, writing
from scratch_d2.inspection.shards import Shard
from scratch_d2.inspection.table import ResultsTable
from scratch_d2.structures.run_record import RAN_IN, SETTINGS, SUMMARY
from scratch_d2.utils.progress import Progress

ADVICE = "merge again with --overwrite; the results of the shards are unchanged"
TOGETHER = 32  # rows of a shard in memory at a time, so that a thousand shards take little
BLOCK = 1000  # rows that are synced to the disk together
PICTURES = {"overlay": "overlays", "mask": "masks"}


class ShardResults(NamedTuple):
    """The folder of a finished shard, with its settings and what it says of all inputs."""

    folder: Path
    shard: Shard
    settings: dict[str, Any]
    inputs: dict[str, Any]
    ran_in: str | None


def merge_results(
    folders: Sequence[str | Path], output: Path, overwrite: bool = False
) -> dict[str, Any]:
    """Write the results folder that one run over all files would have written.

    Rows are sorted by image_id. Overlays and masks are linked, or copied if that is not
    possible. Memory grows by 16 bytes per row.

    Returns the summary. Raises FileNotFoundError or ValueError naming a folder without finished
    results of a shard, shards that are missing, come twice, or differ in settings or inputs, and
    rows that are missing; then nothing is written. Otherwise as `open_results`.
    """
    shards = sorted(map(_read_shard, folders), key=lambda each: each.shard.number)
    _check_shards(shards)
    _check_equal(shards)
    _check_output(output, shards, overwrite)
    places = [_find_rows(each) for each in shards]
    _check_complete(shards, [ids for ids, _ in places])
    settings = {**shards[0].settings, "shard": None}
    try:
        with open_results(output, settings, overwrite=overwrite) as rows:
            return _write(shards, places, rows, output, settings)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(ADVICE) from None


def _read_shard(folder: str | Path) -> ShardResults:
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"results folder {str(folder)!r}: no such folder")
    settings = _read_json(folder / SETTINGS)
    if not settings.get("shard"):
        raise ValueError(f"results folder {str(folder)!r} is not of a run with --shard")
    summary = _read_json(folder / SUMMARY)
    inputs, ran_in = summary.get("inputs"), summary.get(RAN_IN)
    if not isinstance(inputs, dict) or not isinstance(inputs.get("files"), int):
        raise ValueError(f"{str(folder / SUMMARY)!r} does not say what the inputs were")
    return ShardResults(folder, Shard.parse(settings["shard"]), settings, inputs, ran_in)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        raise FileNotFoundError(
            f"results folder {str(path.parent)!r} has no {path.name}, as a run that is not "
            "finished; complete it with --resume"
        ) from None
    except (ValueError, TypeError) as error:
        raise ValueError(f"{str(path)!r} cannot be read: {error}") from None


def _check_shards(shards: list[ShardResults]) -> None:
    """Refuse shards of different counts, the same one twice, and missing ones."""
    first, seen = shards[0], dict[int, ShardResults]()
    for each in shards:
        if each.shard.count != first.shard.count:
            raise ValueError(
                f"{str(first.folder)!r} is shard {first.shard}, {str(each.folder)!r} is shard "
                f"{each.shard}; all must be of the same count"
            )
        if each.shard.number in seen:
            raise ValueError(
                f"{str(seen[each.shard.number].folder)!r} and {str(each.folder)!r} are both shard "
                f"{each.shard}; give each shard once"
            )
        seen[each.shard.number] = each
    count = first.shard.count
    missing = [f"{number}/{count}" for number in range(1, count + 1) if number not in seen]
    if missing:
        more = f" and {len(missing) - 20} more" if len(missing) > 20 else ""
        raise ValueError(f"shards are missing: {', '.join(missing[:20])}{more}")


def _check_equal(shards: list[ShardResults]) -> None:
    """Refuse results that were made with different settings or of different inputs."""
    first = shards[0]
    for each in shards[1:]:
        for key in {**first.settings, **each.settings}:
            one, other = first.settings.get(key), each.settings.get(key)
            if key != "shard" and one != other:
                raise ValueError(
                    f"{str(first.folder)!r} was made with {key} = {one!r}, "
                    f"{str(each.folder)!r} with {other!r}; make all shards with the same settings"
                )
        if each.inputs != first.inputs:
            one, other = first.inputs.get("files"), each.inputs.get("files")
            counts = f" ({one} and {other} files)" if one != other else ""
            raise ValueError(
                f"{str(first.folder)!r} and {str(each.folder)!r} were made of different inputs"
                f"{counts}; make all shards of the same list of files"
            )


def _check_output(output: Path, shards: list[ShardResults], overwrite: bool) -> None:
    if output.resolve() in {each.folder.resolve() for each in shards}:
        raise ValueError(f"output folder {str(output)!r} is one of the shards; choose another one")
    if not overwrite and (output / RESULTS).exists():
        raise FileExistsError(
            f"output folder {str(output)!r} already holds results; pass --overwrite to replace them"
        )


def _find_rows(each: ShardResults) -> tuple[np.ndarray, np.ndarray]:
    """Return image_id and place in results.jsonl of each row, int64 [N], sorted by image_id."""
    ids, ends = [], [0]
    path = each.folder / RESULTS
    if path.is_file():
        with open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                ids.append(_read_id(line, path, number))
                ends.append(ends[-1] + len(line))
    known = np.array(ids, np.int64)
    order = np.argsort(known, kind="stable")
    return known[order], np.array(ends[:-1], np.int64)[order]


def _read_id(line: bytes, path: Path, number: int) -> int:
    try:
        return int(json.loads(line)["image_id"])
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path}, line {number}: not a row ({error})") from None


def _check_complete(shards: list[ShardResults], ids: list[np.ndarray]) -> None:
    """Refuse rows that are missing, come twice or are of another shard."""
    batch_size, total = int(shards[0].settings["batch_size"]), int(shards[0].inputs["files"])
    for each, found in zip(shards, ids, strict=True):
        mine = each.shard.image_ids(total, batch_size)
        if np.array_equal(found, mine):
            continue
        different = np.setxor1d(found, mine)
        what = f"image_id {different[0]}" if len(different) else "an image_id twice"
        raise ValueError(
            f"{str(each.folder / RESULTS)!r} has {len(found)} rows, the shard {len(mine)} files "
            f"(first difference: {what}); complete it with --resume, or make it again"
        )


def _write(
    shards: list[ShardResults],
    places: list[tuple[np.ndarray, np.ndarray]],
    rows: RowFile,
    output: Path,
    settings: dict[str, Any],
) -> dict[str, Any]:
    streams = [_rows_in_order(each, *place) for each, place in zip(shards, places, strict=True)]
    total = sum(len(ids) for ids, _ in places)
    with Progress("merging", total) as progress:
        merged = merge(*streams, key=lambda row: row[0])
        for block in iter(lambda: list(islice(merged, BLOCK)), []):
            for _, line, folder in block:
                _take_pictures(json.loads(line), folder, output)
            _append([line for _, line, _ in block], rows.path)
            progress.update(len(block))
    table = ResultsTable(output / "results.csv")
    with writing(table.path, ADVICE):
        table.rewrite(rows)
    return write_derived(rows, output, settings, advice=ADVICE, ran_in=shards[0].ran_in)


def _append(lines: list[bytes], path: Path) -> None:
    with writing(path, ADVICE), open(path, "ab") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())


def _rows_in_order(
    each: ShardResults, ids: np.ndarray, places: np.ndarray
) -> Iterator[tuple[int, bytes, Path]]:
    """Yield image_id, line and folder; the file is open only while some rows are read."""
    for start in range(0, len(ids), TOGETHER):
        some = slice(start, start + TOGETHER)
        with open(each.folder / RESULTS, "rb") as file:
            lines = [_read_line(file, int(place)) for place in places[some]]
        yield from ((int(i), line, each.folder) for i, line in zip(ids[some], lines, strict=True))


def _read_line(file: Any, place: int) -> bytes:
    file.seek(place)
    line: bytes = file.readline()
    return line


def _take_pictures(row: Row, folder: Path, output: Path) -> None:
    """Link or copy the pictures of a row."""
    for key, kind in PICTURES.items():
        if key not in row:
            continue
        name = Path(row[key]).name
        source, target = folder / kind / name, output / kind / name
        if not source.is_file():
            raise FileNotFoundError(f"{key} {str(source)!r} of {row['file']!r}: no such file")
        with writing(target, ADVICE):
            _link_or_copy(source, target)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)
