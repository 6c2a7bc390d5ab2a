"""The photographs of a results folder in the order of review, doubtful ones first."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from scratch_d2.formats.review_file import row_key
from scratch_d2.inspection.inputs import RESULTS
from scratch_d2.review.doubt import Doubt, doubt_of
from scratch_d2.structures.run_record import RunRecord, check_run_folder, find_rows
from scratch_d2.structures.thresholds import Thresholds


class QueueItem(NamedTuple):
    """A row of results.jsonl, and where in the file it is.

    Attributes:
        row: its `row_key`, which ties reviews to exactly these detections.
        offset, length: of the line, bytes.
    """

    image_id: int
    file: str
    row: str
    doubt: Doubt
    offset: int
    length: int


@dataclass(frozen=True)
class Queue:
    """The readable photographs of a results folder in the order of review.

    Attributes:
        white_level: that of the run, as SCRATCH.WHITE_LEVEL.
        unreadable: number of rows of files that could not be read.
    """

    folder: Path
    thresholds: Thresholds
    white_level: float
    items: list[QueueItem]
    unreadable: int
    _places: dict[int, int] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._places.update({item.image_id: place for place, item in enumerate(self.items)})

    def place(self, image_id: int) -> int | None:
        """Return the place of an image in the order, None if it has none."""
        return self._places.get(image_id)

    def read_row(self, item: QueueItem) -> dict[str, Any]:
        """Read the row of an item again; ValueError if the file has changed since."""
        with open(self.folder / RESULTS, "rb") as file:
            file.seek(item.offset)
            line = file.read(item.length)
        try:
            row = dict(json.loads(line))
            unchanged = row_key(row) == item.row
        except (KeyError, TypeError, ValueError):
            unchanged = False
        if not unchanged:
            raise ValueError(f"{self.folder / RESULTS} has changed; start the review again")
        return row


def read_queue(folder: str | Path, count: int | None = None) -> Queue:
    """Read the rows of a results folder, doubtful ones first; no photograph is opened.

    Args:
        count: how many of the most doubtful photographs to take; None takes all.

    Raises FileNotFoundError if the folder holds no results, or its photographs are elsewhere, and
    ValueError naming file and line if a line is not a row, or if no photograph could be read.
    """
    folder = Path(folder)
    find_rows(folder)
    check_run_folder(folder)
    run = RunRecord.read(folder)
    thresholds = run.thresholds if run else Thresholds()
    items, unreadable, ids = [], 0, set()
    for offset, line, row in read_lines(folder / RESULTS):
        if row["image_id"] in ids:
            raise ValueError(f"{folder / RESULTS}: a second row with image_id {row['image_id']}")
        ids.add(row["image_id"])
        if row["status"] != "ok":
            unreadable += 1
            continue
        doubt = doubt_of(row, thresholds)
        items.append(
            QueueItem(row["image_id"], row["file"], row_key(row), doubt, offset, len(line))
        )
    if not items:
        raise ValueError(f"{folder / RESULTS}: no photograph in it could be inspected")
    items.sort(key=lambda item: (item.doubt.rank, item.doubt.distance, item.image_id))
    return Queue(folder, thresholds, run.white_level if run else 0.0, items[:count], unreadable)


def read_lines(path: Path) -> Iterator[tuple[int, bytes, Mapping[str, Any]]]:
    """Yield offset in bytes, line and row of results.jsonl.

    A last line without a line break, which a run may be writing, is left out. Raises ValueError
    naming file and line if a line is not a row.
    """
    offset = 0
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                yield offset, line, _check_row(json.loads(line))
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(
                    f"{path}, line {number}: not a row of results ({error!r})"
                ) from None
            offset += len(line)


def _check_row(row: Any) -> Mapping[str, Any]:
    if not isinstance(row["image_id"], int) or not isinstance(row["file"], str):
        raise ValueError(f"image_id {row['image_id']!r} or file {row['file']!r}")
    if row["status"] == "ok":
        for instance in row["instances"]:
            float(instance["score"]), float(instance["area"]), dict(instance["segmentation"])
        float(row["area"]), str(row["verdict"]), int(row["width"]), int(row["height"])
        p_bad = row.get("p_bad")
        if p_bad is not None and not 0 <= p_bad <= 1:
            raise ValueError(f"p_bad {p_bad!r}; accepted is a number in 0..1")
    return dict(row)
