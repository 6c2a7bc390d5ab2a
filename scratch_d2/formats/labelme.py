"""labelme: one JSON file for each image, with polygons, rectangles, circles, lines and masks."""

import base64
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scratch_d2.formats.files import (
    LabelsError,
    list_files,
    read_head,
    read_json,
    to_number,
    to_size,
)
from scratch_d2.formats.polygons import ellipse, outline
from scratch_d2.formats.values import LabelledImage, Labels, Problem, Shape
from scratch_d2.structures.labels import BAD, GOOD
from scratch_d2.structures.masks import decode_rle, encode_rle, mask_to_box

VERSION = "5.5.0"  # of labelme, from which masks are known
Size = tuple[int, int] | None


def is_labelme(file: Path) -> bool:
    """Whether a JSON file looks like labelme's."""
    head = read_head(file)
    return head.startswith("{") and any(key in head for key in ('"shapes"', '"imagePath"'))


def read_labelme(source: Path) -> Labels:
    """Read a file of labelme, or all those in a folder. Flags that are set are tags."""
    for file in list_files(source, ".json"):
        if source.is_dir() and not is_labelme(file):
            yield Problem(str(file), "not a file of labelme")
            continue
        try:
            yield _to_image(file, read_json(file))
        except LabelsError as error:
            yield Problem(str(file), str(error))


def _to_image(file: Path, content: Any) -> LabelledImage:
    shapes = content.get("shapes") if isinstance(content, dict) else None
    name = content.get("imagePath") if isinstance(content, dict) else None
    if not isinstance(shapes, list) or not isinstance(name, str) or not name:
        raise LabelsError("not a file of labelme: it has no shapes or no imagePath")
    size = to_size(content.get("imageWidth"), content.get("imageHeight"))
    flags = content.get("flags")
    return LabelledImage(
        name=name.replace("\\", "/"),  # as labelme writes it on Windows
        where=str(file),
        folder=file.parent,
        shapes=tuple(_to_shape(each, size) for each in shapes),
        tags=tuple(k for k, on in flags.items() if on) if isinstance(flags, dict) else (),
        size=size,
        content=_to_bytes(content.get("imageData")),
    )


def _to_bytes(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except ValueError:
        return b""


def _to_shape(shape: Any, size: Size) -> Shape:
    if not isinstance(shape, dict):
        return Shape("", error=f"a shape is {str(shape)[:40]!r}")
    label, kind = str(shape.get("label")), shape.get("shape_type") or "polygon"
    try:
        points = [[to_number(value) for value in point] for point in shape.get("points") or []]
        if any(len(point) != 2 for point in points):
            raise ValueError("a point has other than two coordinates")
        if kind == "mask":
            return Shape(label, rle=_to_rle(shape.get("mask"), points, size))
        if kind == "circle":
            return Shape(label, polygons=(_circle(points),))
    except (ValueError, TypeError) as error:
        return Shape(label, error=f"a {kind}: {error}")
    if kind == "polygon":
        return Shape(label, polygons=([value for point in points for value in point],))
    if kind in ("rectangle", "oriented_rectangle", "line", "linestrip") and len(points) > 1:
        columns, rows = zip(*points)
        return Shape(label, box=(min(columns), min(rows), max(columns), max(rows)))
    return Shape(label, error=f"a {kind} of {len(points)} points, which marks no region")


def _circle(points: list[list[float]]) -> list[float]:
    """Return a circle, told by its centre and a point on it, as a polygon."""
    if len(points) != 2:
        raise ValueError(f"{len(points)} points; centre and border are expected")
    (x, y), border = points
    radius = math.dist((x, y), border)
    return ellipse((x, y), (radius, radius))


def _to_rle(text: Any, points: list[list[float]], size: Size) -> dict[str, Any]:
    """Return a mask, a PNG whose corners are told as pixels, as the RLE of the whole image."""
    if size is None or len(points) != 2:
        raise ValueError("imageWidth, imageHeight and two points are expected with it")
    width, height = size
    patch = _read_patch(_to_bytes(text), width, height)
    left, top = (round(value) for value in points[0])
    bottom, right = top + patch.shape[0], left + patch.shape[1]
    if min(left, top) < 0 or right > width or bottom > height:
        raise ValueError(
            f"it reaches from ({left}, {top}) to ({right}, {bottom}), outside of its image of "
            f"{width} x {height} pixels"
        )
    mask = np.zeros((height, width), bool)
    mask[top:bottom, left:right] = patch
    return encode_rle(mask)


def _read_patch(content: bytes, width: int, height: int) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
            if image.width > width or image.height > height:
                raise ValueError(f"{image.width} x {image.height} pixels are more than its image")
            return np.asarray(image.convert("L")) > 0
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"no PNG ({error})") from None


def write_labelme(
    images: Iterator[LabelledImage], folder: Path, as_rle: bool, by_model: bool
) -> None:
    """Write a JSON file beside each image; the verdict is a flag, a box a rectangle."""
    for image in images:
        width, height = image.size or (0, 0)
        shapes = []
        for number, shape in enumerate(image.shapes):
            shapes += _from_shape(shape, number, as_rle)
        content = {
            "version": VERSION,
            "flags": {verdict: verdict in image.tags for verdict in (GOOD, BAD)},
            "shapes": shapes,
            "imagePath": Path(image.name).name,
            "imageData": None,
            "imageHeight": height,
            "imageWidth": width,
        }
        path = (folder / image.name).with_suffix(".json")
        path.write_text(json.dumps(content, indent=2), "utf-8")


def _from_shape(shape: Shape, number: int, as_rle: bool) -> list[dict[str, Any]]:
    """Return the shapes of labelme that a shape becomes: several have one `group_id`."""
    base: dict[str, Any] = {
        "label": shape.label,
        "group_id": None,
        "description": "",
        "flags": {},
        "mask": None,
    }
    if shape.score is not None:
        base["description"] = f"score {shape.score:.3f}"
    if shape.rle is None:
        x0, y0, x1, y1 = shape.box or (0, 0, 0, 0)
        return [{**base, "points": [[x0, y0], [x1, y1]], "shape_type": "rectangle"}]
    mask = decode_rle(shape.rle)
    if as_rle:
        x0, y0, x1, y1 = mask_to_box(mask)
        points = [[x0, y0], [x1 - 1, y1 - 1]]
        patch = _to_png(mask[y0:y1, x0:x1])
        return [{**base, "points": points, "shape_type": "mask", "mask": patch}]
    polygons = outline(mask)
    group = number if len(polygons) > 1 else None
    return [
        {
            **base,
            "points": [list(point) for point in zip(polygon[::2], polygon[1::2])],
            "group_id": group,
            "shape_type": "polygon",
        }
        for polygon in polygons
    ]


def _to_png(patch: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(patch.astype(np.uint8) * 255).save(file, format="PNG")
    return base64.b64encode(file.getvalue()).decode("ascii")
