"""images.csv beside good/ and bad/: the kind of defect of an image, and what it shows.

A kind is a label for evaluation, not a class of the network. A group names what is photographed,
such as the serial number of a part, if the names and looks of the files do not tell it.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from scratch_d2.data.tables import read_table
from scratch_d2.utils.files import write_atomically

IMAGES_FILE = "images.csv"
FILE, KIND, GROUP = COLUMNS = ("file", "kind", "group")
ACCEPTED = f"accepted is a table with the column {FILE}, and {KIND} or {GROUP} or both"


class ImageLabels(NamedTuple):
    """What images.csv says of an image; "" if it says nothing."""

    kind: str = ""
    group: str = ""


def write_image_labels(labels: Mapping[str, ImageLabels], folder: Path) -> Path:
    """Write images.csv into a dataset folder; the keys are files such as "bad/2024/a.png"."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([file, *of_image] for file, of_image in labels.items())
    return write_atomically(table.getvalue(), folder / IMAGES_FILE)


def read_image_labels(
    root: Path, images: Iterable[Path]
) -> tuple[dict[Path, ImageLabels], list[str]]:
    """Read the images.csv of a dataset folder, if there is one.

    An image that it does not name has the first subfolder of bad/ for its kind: "crack" for
    bad/crack/1.png.

    Args:
        images: the readable images of the folder.

    Returns the labels of every image, and sentences on rows that are not used.

    Raises ValueError naming the file if it is no such table.
    """
    by_name = {image.relative_to(root).as_posix(): image for image in images}
    labels = {image: ImageLabels(_kind_of(name)) for name, image in by_name.items()}
    path, notes = root / IMAGES_FILE, []
    for number, row in _read_rows(path) if path.is_file() else ():
        image = by_name.get(row.get(FILE, ""))
        if image is None:
            notes.append(
                f"{path}, line {number}: {row.get(FILE)!r} is no readable image of the folder; "
                "the row is not used"
            )
            continue
        labels[image] = ImageLabels(
            row.get(KIND, "").strip() or labels[image].kind, row.get(GROUP, "").strip()
        )
    return labels, notes


def _read_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    (_, header), *rows = read_table(path, ACCEPTED)
    if FILE not in header or not {KIND, GROUP} & set(header):
        raise ValueError(f"{path}: its first line is {header}; {ACCEPTED}")
    return [(number, dict(zip(header, row))) for number, row in rows]


def _kind_of(name: str) -> str:
    folder, *subfolders, _ = name.split("/")
    return subfolders[0] if subfolders and folder.lower() == "bad" else ""
