"""results.csv: the rows of results.jsonl without masks, for a spreadsheet."""

import csv
import io
import logging
from collections.abc import Iterable
from pathlib import Path

from scratch_d2.inspection.rows import Row
from scratch_d2.utils.spreadsheet import to_cell

COLUMNS = (
    *("image_id", "file", "status", "verdict", "area", "p_bad", "scratches", "reason", "error"),
    *("timestamp", "width", "height", "area_unit", "overlay", "model_id"),
)
logger = logging.getLogger(__name__)


class ResultsTable:
    """A CSV file that grows with the rows of a run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._end, self._pending, self._warned = 0, b"", False

    def rewrite(self, rows: Iterable[Row]) -> None:
        """Write the header and all rows anew. Raises OSError if the file cannot be written."""
        with open(self.path, "wb") as file:
            file.write(_encode([COLUMNS]))
            for row in rows:
                file.write(_encode([_cells(row)]))
            self._end = file.tell()
        self._pending = b""

    def append(self, rows: Iterable[Row]) -> None:
        """Append rows; what cannot be written now, as a spreadsheet has it open, comes later."""
        self._pending += _encode(map(_cells, rows))
        try:
            with open(self.path, "r+b") as file:
                file.seek(self._end)
                file.write(self._pending)
                file.truncate()
        except OSError as error:
            if not self._warned:
                reason = error.strerror or error
                logger.warning("%s cannot be written (%s); it is tried again", self.path, reason)
            self._warned = True
            return
        self._end += len(self._pending)
        self._pending = b""


def _cells(row: Row) -> list[str]:
    return [to_cell(row.get(column)) for column in COLUMNS]


def _encode(lines: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(lines)
    return text.getvalue().encode("utf-8", "replace")
