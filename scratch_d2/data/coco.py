"""COCO JSON in RLE: ground truth from dataset dicts, results from predictions."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from scratch_d2.data.catalog import CATEGORY_ID, CLASSES
from scratch_d2.structures.labels import BAD, GOOD
from scratch_d2.structures.masks import rle_areas, to_rle
from scratch_d2.utils.files import write_atomically


def to_coco(dicts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Turn dataset dicts into a COCO ground truth; images without scratches are in it too.

    File names begin at good/ or bad/.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for item in dicts:
        image_id, height, width = item["image_id"], item["height"], item["width"]
        name = _short_name(Path(item["file_name"]))
        images.append({"id": image_id, "file_name": name, "height": height, "width": width})
        for annotation in item["annotations"]:
            rle = to_rle(annotation["segmentation"], height, width)
            x0, y0, x1, y1 = (float(value) for value in annotation["bbox"])
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": CATEGORY_ID,
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "area": float(rle_areas([rle])[0]),
                    "segmentation": rle,
                    "iscrowd": annotation.get("iscrowd", 0),
                    **({"pseudo": True} if annotation.get("pseudo") else {}),
                }
            )
    categories = [{"id": CATEGORY_ID, "name": CLASSES[0], "supercategory": "defect"}]
    return {
        "info": {"description": "scratches on printed text"},
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }


def _short_name(path: Path) -> str:
    """Return a path from its last good/ or bad/ on, or its last two parts without either."""
    named = [index for index, part in enumerate(path.parts[:-1]) if part.lower() in (GOOD, BAD)]
    return "/".join(path.parts[named[-1] :] if named else path.parts[-2:])


def write_coco_json(dicts: Iterable[Mapping[str, Any]], path: str | Path) -> Path:
    """Write dataset dicts as a COCO ground truth, whole or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_atomically(json.dumps(to_coco(dicts)), path)


def to_coco_results(image_id: int, prediction: Any) -> list[dict[str, Any]]:
    """Turn a `Prediction` into COCO result entries, boxes as XYWH."""
    results = []
    for box, score, mask in zip(prediction.boxes, prediction.scores, prediction.masks):
        x0, y0, x1, y1 = (round(float(value), 3) for value in box)
        results.append(
            {
                "image_id": image_id,
                "category_id": CATEGORY_ID,
                "bbox": [x0, y0, round(x1 - x0, 3), round(y1 - y0, 3)],
                "score": float(score),
                "segmentation": mask,
            }
        )
    return results
