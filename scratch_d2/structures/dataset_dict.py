"""What one of Detectron2's dataset dicts says of a photograph."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from scratch_d2.structures.labels import BAD, GOOD
from scratch_d2.structures.masks import decode_rle, to_rle, union_of_rles


def has_unknown_scratches(dataset_dict: Mapping[str, Any]) -> bool:
    """Whether nobody outlined some scratch of an image, so that no detector may learn from it.

    That is a Bad image without a mask, or one with a box around a scratch beside a mask.
    """
    return any(annotation.get("iscrowd", 0) for annotation in dataset_dict.get("annotations", []))


def verdict_of(item: Mapping[str, Any]) -> str:
    """Return "good" or "bad"; without a verdict, as in other projects, annotations make it Bad."""
    return item.get("verdict") or (BAD if item.get("annotations") else GOOD)


def scratches_of(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the annotations that mark a scratch each; none for a Bad image without a mask."""
    return [a for a in item.get("annotations", []) if not a.get("iscrowd", 0)]


def mask_of(item: Mapping[str, Any]) -> np.ndarray:
    """Return the union of the scratches of a dataset dict, polygons or RLE, as HxW bool."""
    rles = [annotation_rle(item, scratch) for scratch in scratches_of(item)]
    return union_of_rles(rles, item["height"], item["width"])


def crowds_of(item: Mapping[str, Any]) -> list[np.ndarray]:
    """Return the regions, HxW bool each, that hold scratches which nobody outlined."""
    crowds = [a for a in item.get("annotations", []) if a.get("iscrowd", 0)]
    return [decode_rle(annotation_rle(item, crowd)) for crowd in crowds]


def annotation_rle(item: Mapping[str, Any], annotation: Mapping[str, Any]) -> dict[str, Any]:
    """Return the mask of an annotation of a dataset dict as compressed RLE.

    Raises ValueError as `to_rle` does, naming the image and which of its annotations it is.
    """
    try:
        return to_rle(annotation["segmentation"], item["height"], item["width"])
    except ValueError as error:
        own = enumerate(item.get("annotations", []))
        number = next((index for index, other in own if other is annotation), None)
        which = "" if number is None else f", annotation {number}"
        raise ValueError(f"{item.get('file_name')!r}{which}: {error}") from None
