"""From dataset dicts to augmented images and targets."""

import logging

import numpy as np
import torch
from fvcore.common.config import CfgNode
from PIL import Image

from scratch_d2.data.catalog import get_dataset_dicts
from scratch_d2.data.images import read_image
from scratch_d2.data.pseudo_masks import detector_training_dicts
from scratch_d2.engines.augmentation import augment
from scratch_d2.engines.batches import DatasetDict
from scratch_d2.engines.embedded.boxes import Size, Target, nonempty
from scratch_d2.structures.dataset_dict import annotation_rle
from scratch_d2.structures.masks import decode_rle
from scratch_d2.structures.resizing import resize, resized_shape

Sample = tuple[torch.Tensor, Target]
logger = logging.getLogger("scratch_d2")


def to_network(image: np.ndarray, cfg: CfgNode) -> torch.Tensor:
    """Turn an HxWx3 uint8 RGB image into [3, H, W] uint8 in the order of INPUT.FORMAT."""
    if cfg.INPUT.FORMAT == "BGR":
        image = image[:, :, ::-1]
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))


class TrainingMapper:
    """Map a dataset dict to an augmented image and its target, as Detectron2's mapper does.

    It draws from NumPy's global generator what Detectron2's augmentations draw, in their order,
    after what `augment` draws.
    """

    def __init__(self, cfg: CfgNode) -> None:
        self.cfg = cfg

    def __call__(self, item: DatasetDict) -> Sample:
        image = read_image(item["file_name"], self.cfg.SCRATCH.WHITE_LEVEL)
        if image.shape[:2] != (item["height"], item["width"]):
            raise ValueError(
                f"{item['file_name']!r} is {image.shape[1]} x {image.shape[0]} pixels, but the "
                f"dataset says {item['width']} x {item['height']}; was the file replaced?"
            )
        item, image = augment(item, image, self.cfg)
        shortest, flip = self._draw()
        size = resized_shape(image.shape[:2], shortest, self.cfg.INPUT.MAX_SIZE_TRAIN)
        image = resize(image, size)
        return to_network(flipped(image, flip), self.cfg), make_target(item, size, flip)

    def _draw(self) -> tuple[int, str]:
        cfg = self.cfg.INPUT
        sizes, ranged = list(cfg.MIN_SIZE_TRAIN), cfg.MIN_SIZE_TRAIN_SAMPLING == "range"
        shortest = np.random.randint(sizes[0], sizes[1] + 1) if ranged else np.random.choice(sizes)
        flips = cfg.RANDOM_FLIP != "none" and np.random.uniform() < 0.5
        return int(shortest), cfg.RANDOM_FLIP if flips else "none"


def flipped(array: np.ndarray, flip: str) -> np.ndarray:
    """Mirror an HxW or HxWxC array: "horizontal", "vertical" or "none"."""
    if flip == "none":
        return array
    return array[:, ::-1] if flip == "horizontal" else array[::-1]


def make_target(item: DatasetDict, size: Size, flip: str) -> Target:
    """Resize and mirror the annotations of a dataset dict; drops what becomes empty.

    Boxes are scaled without rounding and clipped, masks resized to the nearest pixel, as
    Detectron2's DatasetMapper does with RLE.
    """
    boxes, masks = [np.zeros((0, 4))], [np.zeros((0, *size), dtype=bool)]
    for annotation in item.get("annotations", []):
        if annotation.get("iscrowd", 0):
            continue
        mask = decode_rle(annotation_rle(item, annotation))
        mask = resize(mask.astype(np.uint8), size, Image.Resampling.NEAREST).astype(bool)
        masks.append(flipped(mask, flip)[None])
        boxes.append(_move_box(annotation, item, size, flip)[None])
    target = Target(
        torch.from_numpy(np.concatenate(boxes)).float(), torch.from_numpy(np.concatenate(masks))
    )
    keep = nonempty(target.boxes, 1e-5) & target.masks.flatten(1).any(dim=1)
    return Target(target.boxes[keep], target.masks[keep])


def _move_box(annotation: DatasetDict, item: DatasetDict, size: Size, flip: str) -> np.ndarray:
    if int(annotation["bbox_mode"]) != 0:
        raise ValueError(
            f"{item['file_name']!r}: bbox_mode {annotation['bbox_mode']!r} of an annotation; "
            "accepted is BoxMode.XYXY_ABS (0)"
        )
    scale = np.array([size[1] / item["width"], size[0] / item["height"]] * 2)
    x0, y0, x1, y1 = np.asarray(annotation["bbox"], dtype=np.float64) * scale
    if flip == "horizontal":
        x0, x1 = size[1] - x1, size[1] - x0
    elif flip == "vertical":
        y0, y1 = size[0] - y1, size[0] - y0
    return np.clip([x0, y0, x1, y1], 0, [size[1], size[0]] * 2)


def training_dicts(cfg: CfgNode) -> list[DatasetDict]:
    """Return the images of DATASETS.TRAIN, without the Bad ones whose scratches nobody marked."""
    dicts = [item for name in cfg.DATASETS.TRAIN for item in get_dataset_dicts(name)]
    usable = detector_training_dicts(dicts, cfg.SCRATCH.PSEUDO_MASKS)
    scratched = sum(bool(item.get("annotations")) for item in usable)
    logger.info("training on %d images, %d of them with scratches", len(usable), scratched)
    return usable
