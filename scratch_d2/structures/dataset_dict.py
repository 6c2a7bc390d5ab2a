"""What one of Detectron2's dataset dicts says of a photograph."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from scratch_d2.structures.labels import BAD, GOOD
from scratch_d2.structures.masks import to_rle, union_of_rles


def has_unknown_scratches(dataset_dict: dict[str, Any]) -> bool:
    """Whether an image is Bad without a mask, so that no detector may learn from it."""
    crowds = [annotation.get("iscrowd", 0) for annotation in dataset_dict.get("annotations", [])]
    return bool(crowds) and all(crowds)


def verdict_of(item: Mapping[str, Any]) -> str:
    """Return "good" or "bad"; without a verdict, as in other projects, annotations make it Bad."""
    return item.get("verdict") or (BAD if item.get("annotations") else GOOD)


def scratches_of(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the annotations that mark a scratch each; none for a Bad image without a mask."""
    return [a for a in item.get("annotations", []) if not a.get("iscrowd", 0)]


def mask_of(item: Mapping[str, Any]) -> np.ndarray:
    """Return the union of the scratches of a dataset dict, polygons or RLE, as HxW bool."""
    height, width = item["height"], item["width"]
    rles = [to_rle(scratch["segmentation"], height, width) for scratch in scratches_of(item)]
    return union_of_rles(rles, height, width)
