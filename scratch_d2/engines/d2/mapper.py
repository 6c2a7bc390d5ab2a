"""From a dataset dict to the input of a Detectron2 model."""

import copy
from typing import Any

import numpy as np
import torch
from detectron2.config import CfgNode
from detectron2.data import detection_utils
from detectron2.data import transforms as T
from detectron2.structures import Instances

from scratch_d2.data.images import read_image
from scratch_d2.engines.augmentation import augment
from scratch_d2.structures.dataset_dict import annotation_rle


class ScratchMapper:
    """Map a dataset dict as Detectron2's DatasetMapper does, with this package's image reading.

    It reads every kind of image that `scratch_d2.data.read_image` reads, keeps masks of one
    pixel's width, and leaves images without instances in. After INPUT.CROP boxes are drawn tight
    around what is left of their masks.
    """

    def __init__(self, cfg: CfgNode, is_train: bool) -> None:
        self._cfg = cfg
        self._is_train = is_train
        self._image_format = cfg.INPUT.FORMAT
        self._white_level = cfg.SCRATCH.WHITE_LEVEL
        self._mask_format = cfg.INPUT.MASK_FORMAT
        self._tighten = is_train and cfg.INPUT.CROP.ENABLED
        self._augmentations = T.AugmentationList(_build_augmentation(cfg, is_train))

    def __call__(self, dataset_dict: dict[str, Any]) -> dict[str, Any]:
        """Return a copy with `image`, [3, H, W] uint8 in INPUT.FORMAT, and `instances`."""
        item = copy.copy(dataset_dict)
        image = read_image(item["file_name"], self._white_level)
        detection_utils.check_image_size(item, image)
        if self._is_train:
            item, image = augment(item, image, self._cfg)
        if self._image_format == "BGR":
            image = image[:, :, ::-1]
        inputs = T.AugInput(image)
        transforms = self._augmentations(inputs)
        item["image"] = torch.from_numpy(np.ascontiguousarray(inputs.image.transpose(2, 0, 1)))
        annotations = item.pop("annotations", [])
        if self._is_train:
            size = inputs.image.shape[:2]
            item["instances"] = self._instances(annotations, transforms, size, item)
        return item

    def _instances(
        self,
        annotations: list[dict[str, Any]],
        transforms: T.TransformList,
        size: tuple[int, int],
        item: dict[str, Any],
    ) -> Instances:
        moved = []
        for annotation in annotations:
            if annotation.get("iscrowd", 0):
                continue
            annotation = copy.copy(annotation)
            if self._mask_format == "bitmask":
                annotation["segmentation"] = annotation_rle(item, annotation)
            moved.append(
                detection_utils.transform_instance_annotations(annotation, transforms, size)
            )
        instances = detection_utils.annotations_to_instances(moved, size, self._mask_format)
        if not moved:
            return instances
        if self._tighten:
            instances.gt_boxes = instances.gt_masks.get_bounding_boxes()
        return detection_utils.filter_empty_instances(instances)


def _build_augmentation(cfg: CfgNode, is_train: bool) -> list[T.Augmentation]:
    augmentations = detection_utils.build_augmentation(cfg, is_train)
    if is_train and cfg.INPUT.CROP.ENABLED:
        augmentations.insert(0, T.RandomCrop(cfg.INPUT.CROP.TYPE, cfg.INPUT.CROP.SIZE))
    return augmentations
