"""Turns and light of training images, alike in both engines, before either resizes them.

They draw from NumPy's global generator, and nothing while their keys are at their defaults.
"""

from typing import Any

import numpy as np
from fvcore.common.config import CfgNode

from scratch_d2.structures.dataset_dict import annotation_rle
from scratch_d2.structures.masks import decode_rle, encode_rle

TURNS = {"none": (0,), "half": (0, 2), "quarter": (0, 1, 2, 3)}  # of 90 degrees


def augment(
    item: dict[str, Any], image: np.ndarray, cfg: CfgNode
) -> tuple[dict[str, Any], np.ndarray]:
    """Turn and light an HxWx3 uint8 image as SCRATCH.RANDOM_TURN and RANDOM_LIGHT say.

    Returns a dataset dict whose size and annotations fit the turned image, and the image. Without
    a turn the dict is the given one.
    """
    turns = TURNS[cfg.SCRATCH.RANDOM_TURN]
    if len(turns) > 1 and (count := int(np.random.choice(turns))):
        item, image = turn(item, image, count)
    if cfg.SCRATCH.RANDOM_LIGHT:
        contrast, brightness = np.random.uniform(-1, 1, 2) * cfg.SCRATCH.RANDOM_LIGHT + 1
        image = light(image, contrast, brightness)
    return item, image


def turn(item: dict[str, Any], image: np.ndarray, count: int) -> tuple[dict[str, Any], np.ndarray]:
    """Turn an image and the annotations of its dataset dict counterclockwise by 90 degrees each."""
    annotations = []
    for annotation in item.get("annotations", []):
        mask = np.rot90(decode_rle(annotation_rle(item, annotation)), count)
        box = _turn_box(annotation["bbox"], item["height"], item["width"], count)
        annotations.append({**annotation, "bbox": box, "segmentation": encode_rle(mask)})
    image = np.ascontiguousarray(np.rot90(image, count))
    size = {"height": image.shape[0], "width": image.shape[1]}
    return {**item, **size, "annotations": annotations}, image


def light(image: np.ndarray, contrast: float, brightness: float) -> np.ndarray:
    """Scale the grey levels of a uint8 image about their mean, and the mean itself."""
    mean = float(image.mean())
    levels = (np.arange(256) - mean) * contrast + mean * brightness
    return levels.round().clip(0, 255).astype(np.uint8)[image]


def _turn_box(box: Any, height: int, width: int, count: int) -> list[float]:
    x0, y0, x1, y1 = (float(value) for value in box)
    for _ in range(count):
        x0, y0, x1, y1 = y0, width - x1, y1, width - x0
        height, width = width, height
    return [x0, y0, x1, y1]
