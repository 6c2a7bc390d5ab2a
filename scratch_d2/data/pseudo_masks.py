"""Scratches that models marked on Bad photographs without a mask, to train a detector on.

They are no ground truth: only training reads them, through SCRATCH.PSEUDO_MASKS.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scratch_d2.data.catalog import XYXY_ABS
from scratch_d2.data.coco import to_coco
from scratch_d2.structures.dataset_dict import crowds_of, has_unknown_scratches, mask_of
from scratch_d2.structures.masks import decode_rle, mask_to_box, mask_to_polygons, split_regions
from scratch_d2.utils.files import write_atomically

DatasetDict = dict[str, Any]
logger = logging.getLogger("scratch_d2")


def with_pseudo_mask(item: Mapping[str, Any], mask: np.ndarray) -> DatasetDict:
    """Return a dataset dict whose annotations are the regions of a mask, marked as pseudo.

    Args:
        mask: HxW bool, not empty.
    """
    annotations = [
        {
            "bbox": [float(value) for value in mask_to_box(region)],
            "bbox_mode": XYXY_ABS,
            "category_id": 0,
            "segmentation": [[float(v) for v in part] for part in mask_to_polygons(region)],
            "iscrowd": 0,
            "pseudo": True,
        }
        for region in split_regions(mask)
    ]
    return {**item, "annotations": annotations}


def write_pseudo_masks(dicts: Sequence[Mapping[str, Any]], path: Path) -> Path:
    """Write what `with_pseudo_mask` returned as COCO JSON with whole paths as file names."""
    content = to_coco(dicts)
    for image, item in zip(content["images"], dicts, strict=True):
        image["file_name"] = str(Path(item["file_name"]).resolve())
    content["info"]["description"] = (
        "pseudo-masks: where gate and detector agree; for training only"
    )
    return write_atomically(json.dumps(content), path)


def detector_training_dicts(dicts: Sequence[DatasetDict], pseudo_masks: str) -> list[DatasetDict]:
    """Return the images that a detector can learn from.

    Bad ones whose scratches nobody marked are left out, unless the file has pseudo-masks of them.

    Args:
        pseudo_masks: what `write_pseudo_masks` wrote; "" for none.

    Raises FileNotFoundError, or ValueError for a file of another kind.
    """
    marked = _read_pseudo_masks(pseudo_masks) if pseudo_masks else {}
    usable = []
    for item in dicts:
        mask = marked.get(str(Path(item["file_name"]).resolve()))
        if not has_unknown_scratches(item):
            usable.append(item)
        elif mask is not None and mask.shape == (item["height"], item["width"]):
            usable += _confirmed(item, mask)
    pseudo = sum(_is_pseudo(item) for item in usable)
    if pseudo:
        logger.info("%d Bad images have pseudo-masks of %s", pseudo, pseudo_masks)
    if len(usable) < len(dicts):
        logger.info("%d Bad images without a mask are left out", len(dicts) - len(usable))
    return usable


def _confirmed(item: DatasetDict, mask: np.ndarray) -> list[DatasetDict]:
    """Return an image with what a pseudo-mask marks in its boxes, and with its own mask.

    An image is left out if a box stays empty: its scratch would be taken for background. Without
    a box, the whole image is one.
    """
    regions = crowds_of(item)
    if not all((mask & region).any() for region in regions):
        return []
    return [with_pseudo_mask(item, mask & np.logical_or.reduce(regions) | mask_of(item))]


def _is_pseudo(item: Mapping[str, Any]) -> bool:
    return any(annotation.get("pseudo") for annotation in item.get("annotations", []))


def _read_pseudo_masks(path: str) -> dict[str, np.ndarray]:
    """Return the union of the masks of each image, HxW bool, by its whole path."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"SCRATCH.PSEUDO_MASKS {path!r}: there is no such file")
    try:
        content = json.loads(Path(path).read_text("utf-8"))
        names = {image["id"]: image["file_name"] for image in content["images"]}
        masks: dict[str, np.ndarray] = {}
        for annotation in content["annotations"]:
            name, mask = names[annotation["image_id"]], decode_rle(annotation["segmentation"])
            masks[name] = mask | masks.get(name, np.zeros_like(mask))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"SCRATCH.PSEUDO_MASKS {path!r} cannot be read ({error}); accepted is the "
            "pseudo_masks.json that scratch-d2 fine-tune writes"
        ) from None
    return masks
