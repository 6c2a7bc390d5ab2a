"""Small sets of labels in each format, of three labels of 96 x 64 px each.

clean.png has no scratch, and no label but a verdict where the format knows one. outlined.png has a
polygon from (20, 20) to (50, 40). boxed.png has a box from (10, 5) to (40, 25).
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from scratch_d2.data.catalog import find_dataset_dicts
from tests.builders import draw_label, rectangles, save

NAMES = ("clean", "outlined", "boxed")
WIDTH, HEIGHT = 96, 64
CORNERS = [20, 20, 50, 20, 50, 40, 20, 40]
BOX = (10, 5, 40, 25)
MASK = rectangles(HEIGHT, WIDTH, (20, 20, 50, 40))


def write_images(folder: Path, names: tuple[str, ...] = NAMES, suffix: str = ".png") -> Path:
    rng = np.random.default_rng(0)
    for name in names:
        save(draw_label(rng), folder / f"{name}{suffix}")
    return folder


def write_text(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def pairs(numbers: list[float], across: float = 1, down: float = 1) -> list[list[float]]:
    return [[x * across, y * down] for x, y in zip(numbers[::2], numbers[1::2])]


def coco(root: Path, **changes: Any) -> Path:
    """A COCO set; `changes` replace keys of the annotation of outlined.png."""
    write_images(root / "images")
    size = {"width": WIDTH, "height": HEIGHT}
    images = [{"id": i, "file_name": f"{name}.png", **size} for i, name in enumerate(NAMES)]
    images[0]["verdict"] = "good"
    outlined = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [20, 20, 30, 20], "iscrowd": 0}
    x0, y0, x1, y1 = BOX
    boxed = {"id": 2, "image_id": 2, "category_id": 1, "bbox": [x0, y0, x1 - x0, y1 - y0]}
    content = {
        "images": images,
        "annotations": [{**outlined, "segmentation": [CORNERS], **changes}, boxed],
        "categories": [{"id": 1, "name": "scratch"}],
    }
    return write_text(root / "annotations.json", content)


def labelme(root: Path) -> Path:
    write_images(root)
    shapes: dict[str, list[dict[str, Any]]] = {name: [] for name in NAMES}
    shapes["outlined"] = [{"label": "scratch", "points": pairs(CORNERS), "shape_type": "polygon"}]
    corners = pairs(list(BOX))
    shapes["boxed"] = [{"label": "scratch", "points": corners, "shape_type": "rectangle"}]
    for name in NAMES:
        size = {"imageWidth": WIDTH, "imageHeight": HEIGHT, "imageData": None}
        flags = {"good": name == "clean", "bad": False}
        content = {"flags": flags, "shapes": shapes[name], "imagePath": f"{name}.png", **size}
        write_text(root / f"{name}.json", content)
    return root


def cvat(root: Path, polygon: str = "20,20;50,20;50,40;20,40", head: str = "") -> Path:
    write_images(root / "images")
    size = f'width="{WIDTH}" height="{HEIGHT}"'
    x0, y0, x1, y1 = BOX
    text = f"""<?xml version="1.0" encoding="utf-8"?>
{head}<annotations>
  <version>1.1</version>
  <image id="0" name="clean.png" {size}><tag label="good" source="manual"></tag></image>
  <image id="1" name="outlined.png" {size}>
    <polygon label="scratch" points="{polygon}"><attribute name="depth">2</attribute></polygon>
  </image>
  <image id="2" name="boxed.png" {size}>
    <box label="scratch" xtl="{x0}" ytl="{y0}" xbr="{x1}" ybr="{y1}"></box>
  </image>
</annotations>"""
    return write_text(root / "annotations.xml", text)


def label_studio(root: Path) -> Path:
    write_images(root / "images")
    x0, y0, x1, y1 = (100 * v / side for v, side in zip(BOX, (WIDTH, HEIGHT) * 2))
    place = {"original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}
    points = pairs(CORNERS, 100 / WIDTH, 100 / HEIGHT)
    results = [
        {"type": "choices", "value": {"choices": ["good"]}},
        {"type": "polygonlabels", "value": {"points": points, "polygonlabels": ["scratch"]}},
        {
            "type": "rectanglelabels",
            "value": {"x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0}
            | {"rotation": 0, "rectanglelabels": ["scratch"]},
        },
    ]
    addresses = [
        "/data/upload/3/0a1b2c3d-clean.png",
        "/data/local-files/?d=images%2Foutlined.png",
        "images/boxed.png",
    ]
    tasks = [
        {
            "id": number,
            "data": {"image": address},
            "annotations": [{"result": [{**place, **result}]}],
            "predictions": [],
        }
        for number, (address, result) in enumerate(zip(addresses, results))
    ]
    return write_text(root / "export.json", tasks)


def label_studio_min(root: Path) -> Path:
    tasks = []
    for task in json.loads(label_studio(root).read_text()):
        (entry,) = task["annotations"][0]["result"]
        flat = {"id": task["id"], "image": task["data"]["image"], "annotator": 1}
        if entry["type"] == "choices":
            tasks.append({**flat, "verdict": "good", "station": "3"})
        else:
            kept = ("original_width", "original_height")
            region = {**entry["value"], **{key: entry[key] for key in kept}}
            tasks.append({**flat, "marks": [region]})
    return write_text(root / "export.json", tasks)


def yolo(root: Path) -> Path:
    write_images(root / "images" / "train")
    labels = root / "labels" / "train"
    shares = [value / (WIDTH, HEIGHT)[place % 2] for place, value in enumerate(CORNERS)]
    write_text(labels / "outlined.txt", " ".join(map(str, [0, *shares])) + "\n")
    x0, y0, x1, y1 = BOX
    middle = [(x0 + x1) / 2 / WIDTH, (y0 + y1) / 2 / HEIGHT]
    box = [*middle, (x1 - x0) / WIDTH, (y1 - y0) / HEIGHT]
    write_text(labels / "boxed.txt", " ".join(map(str, [0, *box])) + "\n")
    write_text(labels / "clean.txt", "")
    write_text(root / "data.yaml", "train: ../train/images\nnames: [scratch]\n")
    return root


def voc(root: Path) -> Path:
    write_images(root / "JPEGImages")
    boxes = {"clean": "", "outlined": (20, 20, 50, 40), "boxed": BOX}
    for name, box in boxes.items():
        marked = ""
        if box:
            x0, y0, x1, y1 = box
            marked = f"""<object><name>scratch</name><bndbox><xmin>{x0 + 1}</xmin>
                <ymin>{y0 + 1}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"""
        text = f"""<annotation><folder>JPEGImages</folder><filename>{name}.png</filename>
            <path>/home/somebody/{name}.png</path><size><width>{WIDTH}</width>
            <height>{HEIGHT}</height><depth>3</depth></size>{marked}</annotation>"""
        write_text(root / "Annotations" / f"{name}.xml", text)
    return root


def mvtec(root: Path) -> Path:
    write_images(root / "train" / "good", ("clean",))
    write_images(root / "test" / "scratch", ("outlined", "boxed"))
    save(MASK.astype(np.uint8) * 255, root / "ground_truth" / "scratch" / "outlined_mask.png")
    return root


def change(file, edit):
    content = json.loads(file.read_text())
    edit(content)
    file.write_text(json.dumps(content))
    return file


def boxes_of(out):
    return {
        d["file_name"].split("/")[-1]: [a["bbox"] for a in d["annotations"] if a["iscrowd"]]
        for d in find_dataset_dicts(str(out))
    }
