"""boxes.csv beside good/ and bad/: boxes around scratches that nobody outlined."""

import csv
import io
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from scratch_d2.data.tables import read_table
from scratch_d2.utils.files import write_atomically

BOXES_FILE = "boxes.csv"
COLUMNS = ("file", "x0", "y0", "x1", "y1")
ACCEPTED = f"accepted is a table with the columns {','.join(COLUMNS)}"
Box = tuple[float, float, float, float]
Size = tuple[int, int]


def write_boxes(boxes: Mapping[str, Iterable[Box]], folder: Path) -> Path:
    """Write boxes.csv into a dataset folder, one row for each box.

    Args:
        boxes: by file, such as "bad/2024/a.png"; (x0, y0, x1, y1) in px of the upright image,
            counted from its upper left corner, x1 and y1 exclusive.
    """
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(COLUMNS)
    for name, all_of_it in boxes.items():
        writer.writerows([name, *(round(value, 2) for value in box)] for box in all_of_it)
    return write_atomically(table.getvalue(), folder / BOXES_FILE)


def read_boxes(
    root: Path, sizes: Mapping[Path, Size]
) -> tuple[dict[Path, tuple[Box, ...]], list[str]]:
    """Read the boxes.csv of a dataset folder, if there is one.

    Args:
        sizes: width and height in px of each Bad image.

    Returns the boxes of each image, clipped to it, and sentences on rows that are not used.
    """
    path = root / BOXES_FILE
    if not path.is_file():
        return {}, []
    images = {image.relative_to(root).as_posix(): image for image in sizes}
    boxes, notes = defaultdict(list), []
    for number, row in _read_rows(path):
        image = images.get(row[0])
        try:
            if image is None:
                raise ValueError(f"{row[0]!r} is no readable image in bad/")
            boxes[image].append(_clip(row[1:], sizes[image]))
        except ValueError as error:
            notes.append(f"{path}, line {number}: {error}; the row is not used")
    return {image: tuple(all_of_it) for image, all_of_it in boxes.items()}, notes


def _read_rows(path: Path) -> list[tuple[int, list[str]]]:
    """Return the numbers and cells of the lines below the header."""
    rows = read_table(path, ACCEPTED)
    if rows[0][1] != list(COLUMNS):
        raise ValueError(f"{path}: its first line is {rows[0][1]}; {ACCEPTED}")
    return rows[1:]


def _clip(cells: list[str], size: Size) -> Box:
    try:
        x0, y0, x1, y1 = (float(cell) for cell in cells)
    except ValueError:
        raise ValueError(f"the box is {','.join(cells)}; four numbers are expected") from None
    if not all(map(math.isfinite, (x0, y0, x1, y1))):
        raise ValueError(f"the box is {','.join(cells)}; finite numbers are expected")
    width, height = size
    box = (max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height)))
    if box[0] >= box[2] or box[1] >= box[3]:
        raise ValueError(
            f"the box {','.join(cells)} holds nothing of its image of {width} x {height} pixels"
        )
    return box
