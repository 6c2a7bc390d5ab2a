"""Batched prediction with the embedded model, and evaluation of datasets with it."""

import logging
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fvcore.common.config import CfgNode

from scratch_d2.checkpoints.precision import autocast, in_precision
from scratch_d2.data.catalog import get_dataset_dicts
from scratch_d2.data.images import read_image
from scratch_d2.engines.embedded.boxes import image_size
from scratch_d2.engines.embedded.mapper import to_network
from scratch_d2.engines.embedded.model import SIZE_DIVISIBILITY, MaskRCNN, to_prediction
from scratch_d2.engines.finite import refuse_not_finite
from scratch_d2.evaluation.evaluate import evaluate_predictions
from scratch_d2.evaluation.settings import EvaluationSettings
from scratch_d2.evaluation.table import headline
from scratch_d2.structures.images import check_rgb
from scratch_d2.structures.prediction import Prediction
from scratch_d2.structures.resizing import resize, resized_shape
from scratch_d2.utils.batching import group_by_padding
from scratch_d2.utils.progress import track

# Metrics by task, or by dataset and task.
Results = dict[str, Any]
logger = logging.getLogger("scratch_d2")


class EmbeddedDetector:
    """Finds scratches with a model in evaluation mode; holds no state between calls."""

    def __init__(self, cfg: CfgNode, model: MaskRCNN, precision: str = "exact") -> None:
        self.cfg, self.precision = cfg, precision
        self.model = in_precision(model, precision)
        refuse_not_finite(self.model)

    @torch.inference_mode()
    def __call__(self, images: list[np.ndarray]) -> list[Prediction]:
        """Predict for HxWx3 uint8 RGB images of any sizes; the order is kept."""
        inputs = [self._prepare(image) for image in images]
        sizes = [image_size(tensor) for tensor in inputs]
        results: dict[int, Prediction] = {}
        for members in group_by_padding(sizes, SIZE_DIVISIBILITY):
            with autocast(self.precision, self.model.pixel_mean.device):
                found = self.model.detect([inputs[index] for index in members])
            for index, detections in zip(members, found):
                height, width = images[index].shape[:2]
                results[index] = to_prediction(detections, sizes[index], (height, width))
        return [results[index] for index in range(len(images))]

    def _prepare(self, image: np.ndarray) -> torch.Tensor:
        check_rgb(image)
        cfg = self.cfg.INPUT
        size = resized_shape(image.shape[:2], cfg.MIN_SIZE_TEST, cfg.MAX_SIZE_TEST)
        return to_network(resize(image, size), self.cfg)


def test_datasets(cfg: CfgNode) -> dict[str, Path]:
    """Return which datasets a config evaluates on, and the folder for the results of each."""
    names, folder = list(cfg.DATASETS.TEST), Path(cfg.OUTPUT_DIR) / "inference"
    return {name: folder / name if len(names) > 1 else folder for name in names}


def evaluate_detector(
    detector: EmbeddedDetector, datasets: Mapping[str, Path], settings: EvaluationSettings
) -> Results:
    """Evaluate on registered datasets and write the results into the folder of each.

    Returns `{"bbox": {...}, "segm": {...}, "image": {...}, ...}` for one dataset, and for several
    an OrderedDict of that by name. Images are detected one by one, as Detectron2 evaluates.
    """
    results: Results = OrderedDict()
    for name, folder in datasets.items():
        predictions, seconds = _predict(get_dataset_dicts(name), detector)
        results[name] = evaluate_predictions(name, predictions, settings, folder, seconds)
        logger.info("%s: %s", name, headline(results[name]))
    return next(iter(results.values())) if len(results) == 1 else results


def _predict(
    dicts: Sequence[Mapping[str, Any]], detector: EmbeddedDetector
) -> tuple[dict[Any, Prediction], dict[str, float]]:
    """Return predictions by image_id and what reading and detecting took, in seconds."""
    predictions, seconds = {}, {"read": 0.0, "detector": 0.0}
    for item in track(dicts, "detecting"):
        begin = time.perf_counter()
        image = read_image(item["file_name"], detector.cfg.SCRATCH.WHITE_LEVEL)
        read = time.perf_counter()
        predictions[item["image_id"]] = detector([image])[0]
        seconds["read"] += read - begin
        seconds["detector"] += time.perf_counter() - read
    return predictions, seconds


def flatten_results(results: Results, prefix: str = "") -> dict[str, float]:
    """Turn nested results into {"segm/AP": value, ...}; several datasets come by name first."""
    flat: dict[str, float] = {}
    for key, value in results.items():
        nested = isinstance(value, dict)
        flat.update(flatten_results(value, f"{prefix}{key}/") if nested else {prefix + key: value})
    return flat
