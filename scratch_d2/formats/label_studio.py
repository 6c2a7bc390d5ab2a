"""Label Studio: a JSON file of tasks, as JSON or JSON-MIN, with places in percent of the image."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from scratch_d2.formats.brush import decode_brush
from scratch_d2.formats.files import (
    LabelsError,
    list_files,
    read_head,
    read_json,
    to_number,
    to_size,
)
from scratch_d2.formats.polygons import ellipse, turn_points
from scratch_d2.formats.values import LabelledImage, Labels, Problem, Shape
from scratch_d2.structures.masks import encode_rle
from scratch_d2.utils.image_names import is_image_name

LOCAL_FILES = "/data/local-files/"
UPLOAD = re.compile(r"^/data/upload/(?:\d+/)?(?P<name>(?:[0-9a-f]{8}-)?(?P<bare>.+))$")
# Keys of a task in JSON-MIN that are not what somebody said of the image.
NOT_SAID = ("id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "image")
Entry = Mapping[str, Any]


def is_label_studio(file: Path) -> bool:
    """Whether a JSON file looks like Label Studio's: a list of tasks."""
    head = read_head(file)
    return head.startswith("[") and ('"data"' in head or '"annotation' in head or "/data/" in head)


def read_label_studio(source: Path) -> Labels:
    """Read an export of Label Studio, or all those in a folder; choices are tags.

    Of several annotations of a task, the ground truth counts, else the one updated last.
    Predictions are no labels.
    """
    for file in list_files(source, ".json"):
        if not (source.is_file() or is_label_studio(file)):
            continue
        try:
            tasks = read_json(file)
            if not isinstance(tasks, list):
                raise LabelsError("not an export of Label Studio; a list of tasks is expected")
        except LabelsError as error:
            yield Problem(str(file), str(error))
            continue
        for number, task in enumerate(tasks):
            yield _to_image(file, number, task)


def _to_image(file: Path, number: int, task: Any) -> LabelledImage | Problem:
    if not isinstance(task, dict):
        return Problem(str(file), f"task {number} is {str(task)[:40]!r}; an object is expected")
    whole = isinstance(task.get("data"), dict)
    address = _find_address(task["data"] if whole else task)
    if address is None:
        return Problem(str(file), f"task {task.get('id', number)!r} names no image")
    entries, hints = (_read_annotations(task), ()) if whole else _read_minimal(task)
    name, aliases = _to_names(address)
    sizes = {_size(each) for each in entries} - {None}
    return LabelledImage(
        name=name,
        where=f"{file}, task {task.get('id', number)}",
        folder=file.parent,
        shapes=tuple(_to_shape(e, _labels(e, entries)) for e in entries if _is_region(e)),
        tags=tuple(str(c) for e in entries for c in _as_list(_value(e).get("choices"))),
        hints=hints,
        size=sizes.pop() if len(sizes) == 1 else None,
        aliases=aliases,
    )


def _find_address(data: Entry) -> str | None:
    texts = {key: value for key, value in data.items() if isinstance(value, str) and value}
    if "image" in texts:
        return texts["image"]
    likely = (t for t in texts.values() if t.startswith("/data/") or is_image_name(Path(t)))
    return next(likely, None)


def _to_names(address: str) -> tuple[str, tuple[str, ...]]:
    """Return the name of an image, and others, from its address on the server."""
    if address.startswith(LOCAL_FILES):
        named = parse_qs(urlsplit(address).query).get("d", [""])[0]
        return named, ()
    upload = UPLOAD.match(unquote(address))
    if upload:
        return upload["name"], (upload["bare"],)
    return address, ()


def _read_annotations(task: Entry) -> list[Entry]:
    annotations = [
        each
        for each in _as_list(task.get("annotations", task.get("completions")))
        if isinstance(each, dict) and not each.get("was_cancelled")
    ]
    if not annotations:
        return []
    best = max(annotations, key=lambda a: (bool(a.get("ground_truth")), str(a.get("updated_at"))))
    return [each for each in _as_list(best.get("result")) if isinstance(each, dict)]


def _read_minimal(task: Entry) -> tuple[list[Entry], tuple[str, ...]]:
    """Return the regions and choices of JSON-MIN as entries, and texts that may be choices."""
    entries: list[Entry] = []
    hints = []
    for key, value in task.items():
        if key in NOT_SAID:
            continue
        if isinstance(value, str):
            hints.append(value)
        entries += [each for each in _as_list(value) if isinstance(each, dict)]
    return entries, tuple(hints)


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _value(entry: Entry) -> Entry:
    """Return what an entry says: its `value`, or the entry of JSON-MIN itself."""
    value = entry.get("value", entry)
    return value if isinstance(value, dict) else {}


def _size(entry: Entry) -> tuple[int, int] | None:
    return to_size(entry.get("original_width"), entry.get("original_height"))


def _is_region(entry: Entry) -> bool:
    """Whether an entry marks a place; those of type "labels" repeat the place of another."""
    kind, value = str(entry.get("type", "")), _value(entry)
    if "choices" in value:
        return False
    return kind not in ("labels", "relation") and bool({"x", "points", "rle"} & set(value))


def _labels(entry: Entry, entries: list[Entry]) -> list[str]:
    """Return the classes of a region, which may be told by another entry of the same id."""
    same = [e for e in entries if e is entry or ("id" in e and e["id"] == entry.get("id"))]
    return [
        str(label)
        for each in same
        for key, labels in _value(each).items()
        if key.endswith("labels")
        for label in _as_list(labels)
    ]


def _to_shape(entry: Entry, labels: list[str]) -> Shape:
    label, value, size = labels[0] if labels else "", _value(entry), _size(entry)
    try:
        if size is None:
            raise ValueError("it lacks original_width and original_height")
        if entry.get("image_rotation"):
            raise ValueError("its image was turned in the editor; turn it back")
        width, height = size
        if "rle" in value:
            return Shape(label, rle=encode_rle(decode_brush(value["rle"], height, width)))
        if "points" in value:
            points = np.array([[to_number(v) for v in point] for point in value["points"]])
            pixels = points.reshape(-1, 2) * (width / 100, height / 100)
            return Shape(label, polygons=(pixels.ravel().tolist(),))
        x, y, turn = (to_number(value.get(key, 0)) for key in ("x", "y", "rotation"))
        place = x * width / 100, y * height / 100
        if "radiusX" in value:
            radii = _lengths(value, ("radiusX", "radiusY"), size)
            return Shape(label, polygons=(ellipse(place, radii, turn),))
        if "width" not in value:
            raise ValueError("a point, which marks no region")
        across, down = _lengths(value, ("width", "height"), size)
        corners = turn_points([[0, 0], [across, 0], [across, down], [0, down]], turn) + place
        (x0, y0), (x1, y1) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
        return Shape(label, box=(x0, y0, x1, y1))
    except (ValueError, TypeError) as error:
        return Shape(label, error=f"a region: {error}")


def _lengths(value: Entry, keys: tuple[str, str], size: tuple[int, int]) -> tuple[float, float]:
    """Return lengths across and down in px, which are told in percent of the image."""
    across, down = (to_number(value.get(key)) * side / 100 for key, side in zip(keys, size))
    return across, down
