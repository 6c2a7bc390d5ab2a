"""Batched prediction with a Detectron2 model."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from detectron2.config import CfgNode
from detectron2.data import transforms as T
from detectron2.modeling import build_model
from detectron2.structures import Instances

from scratch_d2.checkpoints.loading import load_weights
from scratch_d2.checkpoints.precision import autocast, in_precision
from scratch_d2.engines.d2.settings import building
from scratch_d2.engines.finite import refuse_not_finite
from scratch_d2.structures.images import check_rgb
from scratch_d2.structures.masks import encode_rle
from scratch_d2.structures.prediction import Prediction
from scratch_d2.utils.batching import group_by_padding


class D2Detector:
    """What Detectron2's DefaultPredictor computes, for a batch of images."""

    def __init__(self, cfg: CfgNode, weights: str | Path, precision: str = "exact") -> None:
        with building():
            model = build_model(cfg).eval()
        load_weights(model, weights)
        self._model = in_precision(model, precision)
        refuse_not_finite(self._model)
        self._precision, self._device = precision, torch.device(cfg.MODEL.DEVICE)
        self._resize = T.ResizeShortestEdge(cfg.INPUT.MIN_SIZE_TEST, cfg.INPUT.MAX_SIZE_TEST)
        self._bgr = cfg.INPUT.FORMAT == "BGR"

    def __call__(self, images: list[np.ndarray]) -> list[Prediction]:
        """Predict for HxWx3 uint8 RGB images of any sizes; the order is kept."""
        inputs = [self._prepare(image) for image in images]
        sizes = [tuple(item["image"].shape[-2:]) for item in inputs]
        results: dict[int, Prediction] = {}
        with torch.inference_mode(), autocast(self._precision, self._device):
            # A backbone without a pyramid, as of C4 and DC5, needs no padding: it says 0.
            step = max(1, self._model.backbone.size_divisibility)
            for members in group_by_padding(sizes, step):
                outputs = self._model([inputs[index] for index in members])
                for index, output in zip(members, outputs):
                    size = images[index].shape[:2]
                    results[index] = to_prediction(output["instances"], *size)
        return [results[index] for index in range(len(images))]

    def _prepare(self, image: np.ndarray) -> dict[str, Any]:
        check_rgb(image)
        height, width = image.shape[:2]
        ordered = image[:, :, ::-1] if self._bgr else image
        resized = at_least_a_pixel(self._resize.get_transform(ordered)).apply_image(ordered)
        tensor = torch.from_numpy(np.ascontiguousarray(resized.transpose(2, 0, 1)))
        return {"image": tensor, "height": height, "width": width}


def at_least_a_pixel(transform: T.Transform) -> T.Transform:
    """Keep a resize from rounding a side to 0, as it does if one is hundreds of times longer."""
    if isinstance(transform, T.ResizeTransform):
        transform.new_h, transform.new_w = max(1, transform.new_h), max(1, transform.new_w)
    return transform


def to_prediction(instances: Instances, height: int, width: int) -> Prediction:
    """Turn the output of a Detectron2 model in original resolution into a Prediction."""
    instances = instances.to("cpu")
    order = torch.argsort(instances.scores, descending=True, stable=True)
    instances = instances[order]
    boxes = instances.pred_boxes.tensor.float().numpy()
    scores = instances.scores.float().clamp(0, 1).numpy()
    masks = [encode_rle(mask) for mask in instances.pred_masks.numpy()]
    return Prediction(height, width, boxes, scores, masks)
