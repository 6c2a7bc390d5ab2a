"""COCO: one JSON file of images, annotations and categories; polygons, RLE, or boxes alone."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scratch_d2.data.catalog import CATEGORY_ID, CLASSES
from scratch_d2.formats.files import (
    LabelsError,
    list_files,
    read_head,
    read_json,
    to_number,
    to_size,
)
from scratch_d2.formats.polygons import outline
from scratch_d2.formats.values import Box, LabelledImage, Labels, Problem, Shape
from scratch_d2.structures.masks import decode_rle, mask_to_box, to_rle


def is_coco(file: Path) -> bool:
    """Whether a JSON file looks like COCO's."""
    head = read_head(file)
    keys = ('"images"', '"annotations"', '"categories"')
    return head.startswith("{") and any(key in head for key in keys)


def read_coco(source: Path) -> Labels:
    """Read a COCO file, or all those in a folder. Images may have `verdict`, as ours do."""
    for file in list_files(source, ".json"):
        if source.is_file() or is_coco(file):
            yield from _read_file(file)


def _read_file(file: Path) -> Labels:
    try:
        content = read_json(file)
        images, annotations, categories = (
            _list(content, key) for key in ("images", "annotations", "categories")
        )
        _check_categories(categories)
    except LabelsError as error:
        yield Problem(str(file), str(error))
        return
    names = {_id(each.get("id")): str(each.get("name")) for each in categories}
    count_of_id = Counter(_id(image.get("id")) for image in images)
    of_image = defaultdict(list)
    for annotation in annotations:
        of_image[_id(annotation.get("image_id"))].append(annotation)
    del annotations, content
    for image in images:
        image_id, own = image.get("id"), of_image.get(_id(image.get("id")), [])
        if own and count_of_id[_id(image_id)] > 1:
            yield Problem(
                str(file),
                f"the image {image.get('file_name')!r} has the id {image_id!r}, which others have "
                "too: whose annotations these are is not known",
            )
            continue
        yield _to_image(file, image, [_to_shape(each, names) for each in own])
    for image_id in count_of_id:
        of_image.pop(image_id, None)
    for image_id, left in of_image.items():
        yield Problem(
            str(file),
            f"{len(left)} annotations are of the image {image_id!r}, which is not in the file",
        )


def _list(content: Any, key: str) -> list[dict[str, Any]]:
    values = content.get(key) if isinstance(content, dict) else None
    values = [] if values is None and key == "annotations" else values
    if not isinstance(values, list) or not all(isinstance(each, dict) for each in values):
        raise LabelsError(f"not COCO: {key!r} is no list of objects")
    return values


def _check_categories(categories: list[dict[str, Any]]) -> None:
    """Raise LabelsError for two categories of one id: what its annotations mark is not known."""
    ids = Counter(_id(each.get("id")) for each in categories)
    twice = [each for each in categories if ids[_id(each.get("id"))] > 1]
    if len({str(each.get("name")) for each in twice}) > 1:
        named = ", ".join(repr(each.get("name")) for each in twice)
        raise LabelsError(f"the categories {named} have the id {twice[0].get('id')!r}")


def _id(value: Any) -> str:
    """Return an id as text, the same for 7, 7.0 and "7"."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def _to_image(file: Path, image: dict[str, Any], shapes: list[Shape]) -> LabelledImage | Problem:
    name = image.get("file_name")
    if not isinstance(name, str) or not name:
        return Problem(str(file), f"the image {image.get('id')!r} has no file_name")
    verdict = image.get("verdict")
    return LabelledImage(
        name=name,
        where=str(file),
        folder=file.parent,
        shapes=tuple(shapes),
        tags=(verdict,) if isinstance(verdict, str) else (),
        size=to_size(image.get("width"), image.get("height")),
    )


def _to_shape(annotation: dict[str, Any], names: dict[str, str]) -> Shape:
    category = _id(annotation.get("category_id"))
    label = names.get(category, f"category {category}")
    segmentation = annotation.get("segmentation")
    crowd = annotation.get("iscrowd") in (1, True, "1")
    box, error = None, ""
    try:
        box = _to_box(annotation.get("bbox"))
    except ValueError as reason:
        error = "" if segmentation else f"its bbox: {reason}"
    if isinstance(segmentation, dict):
        return Shape(label, rle=segmentation, box=box, crowd=crowd)
    if isinstance(segmentation, list) and segmentation:
        flat = not isinstance(segmentation[0], list)
        polygons = (segmentation,) if flat else tuple(segmentation)
        return Shape(label, polygons=polygons, box=box, crowd=crowd)
    if segmentation:
        error = f"its segmentation is {str(segmentation)[:40]!r}; polygons or an RLE are expected"
    elif box is None and not error:
        error = "it has neither segmentation nor bbox"
    return Shape(label, box=box, crowd=crowd, error=error)


def _to_box(bbox: Any) -> Box | None:
    """Turn XYWH into XYXY."""
    if bbox is None or bbox == []:
        return None
    if not isinstance(bbox, list) or len(bbox) != 4:
        raise ValueError(f"{str(bbox)[:40]!r} is no box")
    x, y, width, height = map(to_number, bbox)
    return x, y, x + width, y + height


def write_coco(images: Iterator[LabelledImage], folder: Path, as_rle: bool, by_model: bool) -> None:
    """Write annotations.json; images also have `verdict`, and detections `score`."""
    listed: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, image in enumerate(images, 1):
        width, height = image.size or (0, 0)
        tags = {"verdict": image.tags[0]} if image.tags else {}
        name = f"images/{image.name}"
        listed.append({"id": number, "file_name": name, "width": width, "height": height, **tags})
        for shape in image.shapes:
            ids = {"id": len(annotations) + 1, "image_id": number, "category_id": CATEGORY_ID}
            score = {} if shape.score is None else {"score": shape.score}
            annotations.append({**ids, **_to_region(shape, width, height, as_rle), **score})
    categories = [{"id": CATEGORY_ID, "name": CLASSES[0], "supercategory": "defect"}]
    content = {"images": listed, "annotations": annotations, "categories": categories}
    (folder / "annotations.json").write_text(json.dumps(content), "utf-8")


def _to_region(shape: Shape, width: int, height: int, as_rle: bool) -> dict[str, Any]:
    """Return segmentation, bbox (XYWH, px), area and iscrowd of a mask, or of a box."""
    if shape.rle is None:
        x0, y0, x1, y1 = shape.box or (0, 0, width, height)
        polygon = [x0, y0, x1, y0, x1, y1, x0, y1]
        rle = to_rle([polygon], height, width)
        bbox, area = [x0, y0, x1 - x0, y1 - y0], (x1 - x0) * (y1 - y0)
        return {"segmentation": rle, "bbox": bbox, "area": area, "iscrowd": 1}
    mask = decode_rle(shape.rle)
    x0, y0, x1, y1 = mask_to_box(mask)
    return {
        "segmentation": shape.rle if as_rle else outline(mask),
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": int(mask.sum()),
        "iscrowd": 0,
    }
