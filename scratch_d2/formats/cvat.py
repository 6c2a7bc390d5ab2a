"""CVAT for images 1.1: one XML file with polygons, boxes, masks and tags of images."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

from scratch_d2.formats.files import (
    LabelsError,
    list_files,
    read_head,
    read_xml,
    to_number,
    to_size,
)
from scratch_d2.formats.polygons import ellipse, outline, turn_points
from scratch_d2.formats.values import Box, LabelledImage, Labels, Problem, Shape
from scratch_d2.structures.masks import decode_rle, encode_rle, mask_to_box

ATTRIBUTES = ("tag", "attribute")  # elements of an image that mark no region
Size = tuple[int, int] | None


def is_cvat(file: Path) -> bool:
    """Whether an XML file looks like CVAT's."""
    return "<annotations>" in read_head(file)


def read_cvat(source: Path) -> Labels:
    """Read a file of CVAT, or all those in a folder, image by image.

    Images are also looked for in the folder images/ beside the file.
    """
    for file in list_files(source, ".xml"):
        if not (source.is_file() or is_cvat(file)):
            continue
        try:
            if "<track " in read_head(file):
                raise LabelsError('tracks of a video; export it as "CVAT for images 1.1"')
            for element in read_xml(file, "image"):
                yield _to_image(file, element)
        except LabelsError as error:
            yield Problem(str(file), str(error))


def _to_image(file: Path, element: Any) -> LabelledImage | Problem:
    name = element.get("name")
    if not name:
        return Problem(str(file), f"the image {element.get('id')!r} has no name")
    size = to_size(element.get("width"), element.get("height"))
    return LabelledImage(
        name=name,
        where=str(file),
        folder=file.parent,
        shapes=tuple(_to_shape(each, size) for each in element if each.tag not in ATTRIBUTES),
        tags=tuple(each.get("label", "") for each in element if each.tag == "tag"),
        size=size,
    )


def _to_shape(element: Any, size: Size) -> Shape:
    label, kind = element.get("label", ""), element.tag
    try:
        if kind == "polygon":
            return Shape(label, polygons=(_points(element),))
        if kind == "mask":
            return Shape(label, rle=_to_rle(element, size))
        if kind == "ellipse":
            return Shape(label, polygons=(_ellipse(element),))
        if kind == "box":
            return Shape(label, box=_box(element))
        if kind == "polyline":
            numbers = _points(element)
            columns, rows = numbers[::2], numbers[1::2]
            return Shape(label, box=(min(columns), min(rows), max(columns), max(rows)))
    except ValueError as error:
        return Shape(label, error=f"a {kind}: {error}")
    return Shape(label, error=f"a {kind}, which marks no region")


def _points(element: Any) -> list[float]:
    text = element.get("points", "")
    pairs = [pair.split(",") for pair in text.split(";") if pair]
    if not pairs or any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"its points are {text[:40]!r}")
    return [to_number(value) for pair in pairs for value in pair]


def _box(element: Any) -> Box:
    """Return the box around a box that may be turned about its centre."""
    x0, y0, x1, y1 = (to_number(element.get(key)) for key in ("xtl", "ytl", "xbr", "ybr"))
    middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]) - middle
    turned = turn_points(corners, to_number(element.get("rotation", 0))) + middle
    (left, top), (right, bottom) = turned.min(axis=0).tolist(), turned.max(axis=0).tolist()
    return left, top, right, bottom


def _ellipse(element: Any) -> list[float]:
    x, y, across, down = (to_number(element.get(key)) for key in ("cx", "cy", "rx", "ry"))
    return ellipse((x, y), (across, down), to_number(element.get("rotation", 0)))


def _to_rle(element: Any, size: Size) -> dict[str, Any]:
    """Return a mask, runs row by row in a box, as the RLE of the whole image."""
    if size is None:
        raise ValueError("width and height of its image are not told")
    left, top, width, height = (
        int(to_number(element.get(key))) for key in ("left", "top", "width", "height")
    )
    if min(left, top) < 0 or left + width > size[0] or top + height > size[1]:
        raise ValueError(
            f"its box of {width} x {height} pixels at ({left}, {top}) is outside of its image of "
            f"{size[0]} x {size[1]}"
        )
    runs = [int(to_number(run)) for run in element.get("rle", "").split(",") if run.strip()]
    if min(runs, default=-1) < 0 or sum(runs) != width * height:
        raise ValueError(
            f"its runs add up to {sum(runs)}; its box has {width} x {height} = {width * height} "
            "pixels"
        )
    mask = np.zeros((size[1], size[0]), bool)
    levels = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    mask[top : top + height, left : left + width] = levels.reshape(height, width)
    return encode_rle(mask)


def write_cvat(images: Iterator[LabelledImage], folder: Path, as_rle: bool, by_model: bool) -> None:
    """Write annotations.xml, to be uploaded as "CVAT 1.1"; the verdict is a tag."""
    source = "auto" if by_model else "manual"
    with open(folder / "annotations.xml", "w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n')
        file.write("  <version>1.1</version>\n")
        for number, image in enumerate(images):
            width, height = image.size or (0, 0)
            named = {"id": number, "name": image.name, "width": width, "height": height}
            file.write(f"  <image{_attributes(named)}>\n")
            for tag in image.tags:
                file.write(f"    <tag{_attributes({'label': tag, 'source': source})}></tag>\n")
            for shape in image.shapes:
                for element in _from_shape(shape, source, as_rle):
                    file.write(f"    {element}\n")
            file.write("  </image>\n")
        file.write("</annotations>\n")


def _attributes(values: Mapping[str, Any]) -> str:
    return "".join(f" {key}={quoteattr(str(value))}" for key, value in values.items())


def _from_shape(shape: Shape, source: str, as_rle: bool) -> list[str]:
    """Return the elements that a shape becomes, one for each polygon."""
    base = {"label": shape.label, "source": source, "occluded": 0, "z_order": 0}
    if shape.rle is None:
        values = dict(zip(("xtl", "ytl", "xbr", "ybr"), shape.box or (0, 0, 0, 0)))
        return [f"<box{_attributes({**base, **values})}></box>"]
    mask = decode_rle(shape.rle)
    if as_rle:
        return [f"<mask{_attributes({**base, **_from_mask(mask)})}></mask>"]
    texts = []
    for polygon in outline(mask):
        points = ";".join(f"{x:.2f},{y:.2f}" for x, y in zip(polygon[::2], polygon[1::2]))
        texts.append(f"<polygon{_attributes({**base, 'points': points})}></polygon>")
    return texts


def _from_mask(mask: np.ndarray) -> dict[str, Any]:
    """Return a mask as runs, row by row, in its box; the first run is of what is empty."""
    x0, y0, x1, y1 = mask_to_box(mask)
    flat = mask[y0:y1, x0:x1].ravel()
    changes = np.flatnonzero(np.diff(flat, prepend=False, append=not flat[-1]))
    runs = np.diff(changes, prepend=0).tolist()
    text = ", ".join(map(str, runs))
    return {"rle": text, "left": x0, "top": y0, "width": x1 - x0, "height": y1 - y0}
