"""Shapes of each format beyond polygons and upright boxes, in px of the image."""

import json

import numpy as np
import pytest

from scratch_d2.formats.brush import encode_brush
from scratch_d2.formats.cvat import read_cvat
from scratch_d2.formats.label_studio import read_label_studio
from scratch_d2.formats.labelme import read_labelme
from scratch_d2.formats.raster import draw
from scratch_d2.formats.values import LabelledImage, Shape
from scratch_d2.formats.yolo import read_yolo
from tests.formats import sets


def extent(shape: Shape) -> list[float]:
    """The box around what a shape covers."""
    assert shape.error == ""
    marks = draw([shape], sets.WIDTH, sets.HEIGHT)
    (box,) = marks.boxes or [None]
    if box is None:
        rows, columns = np.nonzero(marks.mask())
        box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    return list(map(float, box))


def images_of(read, path) -> dict[str, LabelledImage]:
    return {each.name.split("/")[-1]: each for each in read(path)}


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        ({"shape_type": "circle", "points": [[40, 30], [50, 30]]}, [30, 20, 50, 40]),
        ({"shape_type": "rectangle", "points": [[50, 40], [20, 10]]}, [20, 10, 50, 40]),
        ({"shape_type": "linestrip", "points": [[5, 6], [20, 9], [9, 30]]}, [5, 6, 20, 30]),
        ({"points": [[5, 5], [25, 5], [25, 25], [5, 25]]}, [5, 5, 25, 25]),
    ],
)
def test_shapes_of_labelme(tmp_path, shape, box):
    file = sets.labelme(tmp_path) / "boxed.json"
    content = json.loads(file.read_text()) | {"shapes": [{"label": "scratch", **shape}]}
    sets.write_text(file, content)
    (image,) = read_labelme(file)
    assert extent(image.shapes[0]) == pytest.approx(box, abs=0.6)


@pytest.mark.parametrize(
    ("element", "box"),
    [
        ('<ellipse cx="40" cy="30" rx="20" ry="10"', [20, 20, 60, 40]),
        ('<ellipse cx="40" cy="30" rx="20" ry="10" rotation="90"', [30, 10, 50, 50]),
        ('<box xtl="30" ytl="20" xbr="50" ybr="30" rotation="90"', [35, 15, 45, 35]),
        ('<polyline points="5,6;20,9;9,30"', [5, 6, 20, 30]),
        ('<mask rle="1, 2, 3" left="10" top="20" width="3" height="2"', [11, 20, 13, 21]),
    ],
)
def test_shapes_of_cvat(tmp_path, element, box):
    file = sets.cvat(tmp_path)
    tag = element[1:].split()[0]
    text = file.read_text()
    start, end = text.index("<box"), text.index("</box>") + len("</box>")
    file.write_text(f'{text[:start]}{element} label="scratch"></{tag}>{text[end:]}')
    shape = images_of(read_cvat, file)["boxed.png"].shapes[0]
    assert extent(shape) == pytest.approx(box, abs=0.6)


@pytest.mark.parametrize(
    ("value", "box"),
    [
        ({"x": 40, "y": 30, "radiusX": 20, "radiusY": 10}, [20, 20, 60, 40]),
        ({"x": 40, "y": 30, "radiusX": 20, "radiusY": 10, "rotation": 90}, [30, 10, 50, 50]),
        ({"x": 40, "y": 20, "width": 20, "height": 10, "rotation": 90}, [30, 20, 40, 40]),
    ],
)
@pytest.mark.parametrize("separate", [False, True])
def test_shapes_of_label_studio(tmp_path, value, box, separate):
    across, down = 100 / sets.WIDTH, 100 / sets.HEIGHT
    scales = {"x": across, "radiusX": across, "width": across}
    scales |= {"y": down, "radiusY": down, "height": down}
    place = {key: number * scales.get(key, 1) for key, number in value.items()}
    file = sets.label_studio(tmp_path)
    tasks = json.loads(file.read_text())
    (entry,) = tasks[2]["annotations"][0]["result"]
    if separate:  # a region and its label in two entries of one id
        labelled = {**entry, "id": "a", "type": "labels", "value": {**place, "labels": ["scratch"]}}
        results = [{**entry, "id": "a", "type": "shape", "value": place}, labelled]
    else:
        results = [{**entry, "value": {**place, "shapelabels": ["scratch"]}}]
    tasks[2]["annotations"][0]["result"] = results
    sets.write_text(file, tasks)
    (shape,) = images_of(read_label_studio, file)["boxed.png"].shapes
    assert shape.label == "scratch"
    assert extent(shape) == pytest.approx(box, abs=0.6)


@pytest.mark.parametrize("write", [sets.label_studio, sets.label_studio_min])
def test_the_brush_of_label_studio(tmp_path, write):
    file = write(tmp_path)
    tasks = json.loads(file.read_text())
    brush = {"format": "rle", "rle": encode_brush(sets.MASK), "brushlabels": ["scratch"]}
    size = {"original_width": sets.WIDTH, "original_height": sets.HEIGHT}
    if "marks" in tasks[2]:
        tasks[2]["marks"] = [{**brush, **size}]
    else:
        result = {"type": "brushlabels", "value": brush, **size}
        tasks[2]["annotations"][0]["result"] = [result]
    sets.write_text(file, tasks)
    (shape,) = images_of(read_label_studio, file)["boxed.png"].shapes
    np.testing.assert_array_equal(draw([shape], sets.WIDTH, sets.HEIGHT).mask(), sets.MASK)


def test_the_annotation_of_label_studio_that_counts(tmp_path):
    file = sets.label_studio(tmp_path)
    tasks = json.loads(file.read_text())

    def choose(name, **more):
        return {"result": [{"type": "choices", "value": {"choices": [name]}}], **more}

    tasks[0]["annotations"] = [
        choose("a", updated_at="2024-01-02"),
        choose("b", updated_at="2024-01-03"),
        choose("c", updated_at="2024-01-04", was_cancelled=True),
    ]
    tasks[1]["annotations"] = [choose("d", ground_truth=True), choose("e", updated_at="2024")]
    tasks[2]["completions"] = tasks[2].pop("annotations")
    sets.write_text(file, tasks)
    read = list(read_label_studio(file))
    assert [image.tags for image in read] == [("b",), ("d",), ()]
    assert read[2].shapes[0].label == "scratch"


@pytest.mark.parametrize("listed", ["obj.names", "classes.txt", "data.yaml", "dict", ""])
def test_the_classes_of_yolo(tmp_path, listed):
    root = sets.yolo(tmp_path)
    (root / "data.yaml").unlink()
    texts = {"data.yaml": "names: [dirt, scratch]", "dict": "names:\n  0: dirt\n  1: scratch\n"}
    if listed:
        file = root / ("data.yaml" if listed == "dict" else listed)
        sets.write_text(file, texts.get(listed, "dirt\nscratch\n"))
    (root / "labels/train/boxed.txt").write_text("1 0.5 0.5 0.1 0.1\n")
    shapes = images_of(read_yolo, root)["boxed.png"].shapes
    assert [shape.label for shape in shapes] == ["scratch" if listed else "class 1"]


def test_labels_of_yolo_beside_their_images(tmp_path):
    sets.write_images(tmp_path / "obj_train_data", ("boxed", "clean"))
    sets.write_text(tmp_path / "obj_train_data/boxed.txt", "0 0.5 0.5 0.25 0.25\n")
    sets.write_text(tmp_path / "obj.names", "scratch\n")
    sets.write_text(tmp_path / "train.txt", "data/obj_train_data/boxed.png\n")
    images = images_of(read_yolo, tmp_path)
    assert extent(images["boxed.png"].shapes[0]) == pytest.approx([36, 24, 60, 40])
    assert images["clean.png"].shapes == ()
