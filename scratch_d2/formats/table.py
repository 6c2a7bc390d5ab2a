"""Which label formats there are, and which one a file or folder has."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from scratch_d2.formats.coco import is_coco, read_coco, write_coco
from scratch_d2.formats.cvat import is_cvat, read_cvat, write_cvat
from scratch_d2.formats.files import list_files
from scratch_d2.formats.label_studio import (
    is_label_studio,
    read_label_studio,
)
from scratch_d2.formats.label_studio_writer import write_label_studio
from scratch_d2.formats.labelme import is_labelme, read_labelme, write_labelme
from scratch_d2.formats.mvtec import is_mvtec, read_mvtec
from scratch_d2.formats.review import is_review, read_review
from scratch_d2.formats.values import Reader, Write
from scratch_d2.formats.voc import is_voc, read_voc
from scratch_d2.formats.yolo import is_yolo, read_yolo, write_yolo

AUTO = "auto"
READERS: dict[str, Reader] = {
    "coco": read_coco,
    "labelme": read_labelme,
    "cvat": read_cvat,
    "label-studio": read_label_studio,
    "yolo": read_yolo,
    "voc": read_voc,
    "mvtec": read_mvtec,
    "review": read_review,
}
# How images that no labels name are known: one without a file of its own has no labels, or it may
# be anything. The other formats list all images.
ONE_FILE_EACH = ("labelme", "voc")
ONE_FILE = ("coco", "cvat", "label-studio")


class Writer(NamedTuple):
    """How labels are written in a format.

    Attributes:
        images: the folder for the images.
        has_rle: whether it has exact masks, beside outlines.
        needs_outlines: whether it cannot say that a scratch has no outline.
    """

    write: Write
    images: str = "images"
    has_rle: bool = True
    needs_outlines: bool = False


WRITERS = {
    "coco": Writer(write_coco),
    "labelme": Writer(write_labelme, images=""),
    "cvat": Writer(write_cvat),
    "label-studio": Writer(write_label_studio),
    "yolo": Writer(write_yolo, has_rle=False, needs_outlines=True),
}
# By which a file of labels is known, and a whole folder.
JSON: dict[str, Callable[[Path], bool]] = {
    "labelme": is_labelme,
    "coco": is_coco,
    "label-studio": is_label_studio,
}
XML: dict[str, Callable[[Path], bool]] = {"cvat": is_cvat, "voc": is_voc}
FOLDERS: dict[str, Callable[[Path], bool]] = {
    "review": is_review,
    "mvtec": is_mvtec,
    "yolo": is_yolo,
}


def pick_reader(format: str, source: Path) -> Reader:
    """Return the reader of the format that `pick_format` returns."""
    return READERS[pick_format(format, source)]


def pick_format(format: str, source: Path) -> str:
    """Return a format that is known, or that which `source` has if the format is "auto".

    Raises FileNotFoundError if there is no `source`, ValueError for an unknown format, or if
    "auto" finds none, or several.
    """
    accepted = ", ".join((AUTO, *READERS))
    if format not in (AUTO, *READERS):
        raise ValueError(f"format {format!r} is unknown; accepted are {accepted}")
    if not source.exists():
        raise FileNotFoundError(f"source {str(source)!r}: no such file or folder")
    if source.is_file() and source.suffix.lower() in (".zip", ".tar", ".gz", ".7z"):
        raise ValueError(f"source {str(source)!r} is an archive; unpack it first")
    if format != AUTO:
        if format in FOLDERS and not (source.is_dir() or format == "yolo"):
            raise ValueError(f"source {str(source)!r} is a file; of {format} a folder is expected")
        return format
    formats = find_formats(source)
    if len(formats) != 1:
        found = f"it may be {' or '.join(formats)}" if formats else "no labels are found in it"
        raise ValueError(
            f"source {str(source)!r}: {found}; name its --format, one of {', '.join(READERS)}"
        )
    return formats[0]


def find_formats(source: Path) -> list[str]:
    """Return the formats that a file or folder may have, by the first file of each kind."""
    is_folder = source.is_dir()
    kinds = {name: is_one for name, is_one in FOLDERS.items() if is_folder or name == "yolo"}
    formats = [name for name, is_one in kinds.items() if is_one(source)]
    for suffix, kinds in ((".json", JSON), (".xml", XML)):
        known = {_first_of(file, kinds) for file in list_files(source, suffix)}
        formats += [name for name in kinds if name in known]
    return formats


def _first_of(file: Path, kinds: dict[str, Callable[[Path], bool]]) -> str:
    return next((name for name, is_one in kinds.items() if is_one(file)), "")
