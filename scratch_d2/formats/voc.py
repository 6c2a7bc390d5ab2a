"""Pascal VOC: one XML file for each image, with boxes."""

from pathlib import Path
from typing import Any

from scratch_d2.formats.files import (
    LabelsError,
    list_files,
    read_head,
    read_xml,
    to_number,
    to_size,
)
from scratch_d2.formats.values import LabelledImage, Labels, Problem, Shape

FOLDERS = ("JPEGImages", "images")  # beside the folder of the XML files


def is_voc(file: Path) -> bool:
    """Whether an XML file looks like VOC's."""
    head = read_head(file)
    return "<annotation>" in head or "<annotation " in head


def read_voc(source: Path) -> Labels:
    """Read a file of VOC, or all those in a folder. The image is told by `filename`, not `path`."""
    for file in list_files(source, ".xml"):
        if source.is_dir() and not is_voc(file):
            yield Problem(str(file), "not a file of VOC")
            continue
        try:
            for element in read_xml(file, "annotation"):
                yield _to_image(file, element)
        except LabelsError as error:
            yield Problem(str(file), str(error))


def _to_image(file: Path, element: Any) -> LabelledImage | Problem:
    name = (element.findtext("filename") or "").strip()
    if not name:
        return Problem(str(file), "it has no filename")
    return LabelledImage(
        name=name,
        where=str(file),
        folder=file.parent,
        shapes=tuple(_to_shape(each) for each in element.iter("object")),
        size=to_size(element.findtext("size/width"), element.findtext("size/height")),
        aliases=tuple(f"../{folder}/{name}" for folder in FOLDERS),
    )


def _to_shape(element: Any) -> Shape:
    """Return a box; VOC counts pixels from 1 and both of its ends are in the box."""
    label, box = (element.findtext("name") or "").strip(), element.find("bndbox")
    try:
        if box is None:
            raise ValueError("an object without bndbox")
        x0, y0, x1, y1 = (to_number(box.findtext(k)) for k in ("xmin", "ymin", "xmax", "ymax"))
    except ValueError as error:
        return Shape(label, error=str(error))
    return Shape(label, box=(x0 - 1, y0 - 1, x1, y1))
