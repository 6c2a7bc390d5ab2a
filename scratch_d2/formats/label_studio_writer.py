"""Write tasks for Label Studio, with what is known as annotations or, of a model, predictions."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from scratch_d2.formats.brush import encode_brush
from scratch_d2.formats.label_studio import LOCAL_FILES
from scratch_d2.formats.polygons import outline
from scratch_d2.formats.values import LabelledImage, Shape
from scratch_d2.structures.masks import decode_rle
from scratch_d2.utils.version import __version__

CONFIG = """<View>
  <Image name="image" value="$image" zoom="true"/>
  <Choices name="verdict" toName="image" choice="single">
    <Choice value="good"/>
    <Choice value="bad"/>
  </Choices>
  <PolygonLabels name="polygon" toName="image"><Label value="scratch"/></PolygonLabels>
  <BrushLabels name="brush" toName="image"><Label value="scratch"/></BrushLabels>
  <RectangleLabels name="box" toName="image"><Label value="scratch"/></RectangleLabels>
</View>
"""
NAMES = {"polygonlabels": "polygon", "brushlabels": "brush", "rectanglelabels": "box"}


def write_label_studio(
    images: Iterator[LabelledImage], folder: Path, as_rle: bool, by_model: bool
) -> None:
    """Write tasks.json, and the labelling interface that fits it as label_config.xml.

    Images are named as local files, for a local storage whose root is the folder.
    """
    tasks = [_to_task(image, as_rle, by_model) for image in images]
    (folder / "tasks.json").write_text(json.dumps(tasks), "utf-8")
    (folder / "label_config.xml").write_text(CONFIG, "utf-8")


def _to_task(image: LabelledImage, as_rle: bool, by_model: bool) -> dict[str, Any]:
    width, height = image.size or (0, 0)
    base = {
        "to_name": "image",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
    }
    result: list[dict[str, Any]] = [
        {"from_name": "verdict", "to_name": "image", "type": "choices", "value": {"choices": [tag]}}
        for tag in image.tags
    ]
    for shape in image.shapes:
        for kind, value in _from_shape(shape, width, height, as_rle):
            score = {} if shape.score is None else {"score": shape.score}
            value = {**value, kind: [shape.label]}
            result.append({**base, "from_name": NAMES[kind], "type": kind, "value": value, **score})
    for number, each in enumerate(result):
        each["id"] = f"r{number}"
    task: dict[str, Any] = {"data": {"image": f"{LOCAL_FILES}?d={quote(f'images/{image.name}')}"}}
    if not by_model:
        return {**task, "annotations": [{"result": result}]}
    scores = [shape.score for shape in image.shapes if shape.score is not None]
    model = {"model_version": f"scratch_d2 {__version__}", "score": max(scores, default=0.0)}
    return {**task, "predictions": [{**model, "result": result}]}


def _from_shape(
    shape: Shape, width: int, height: int, as_rle: bool
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the type and value of what a shape becomes, places in percent of the image."""
    if shape.rle is None:
        x0, y0, x1, y1 = shape.box or (0, 0, width, height)
        across, down = 100 * (x1 - x0) / width, 100 * (y1 - y0) / height
        place = {"x": 100 * x0 / width, "y": 100 * y0 / height, "rotation": 0}
        yield "rectanglelabels", {**place, "width": across, "height": down}
    elif as_rle:
        brush = encode_brush(decode_rle(shape.rle))
        yield "brushlabels", {"format": "rle", "rle": brush}
    else:
        for polygon in outline(decode_rle(shape.rle)):
            pairs = zip(polygon[::2], polygon[1::2])
            points = [[100 * x / width, 100 * y / height] for x, y in pairs]
            yield "polygonlabels", {"points": points, "closed": True}
