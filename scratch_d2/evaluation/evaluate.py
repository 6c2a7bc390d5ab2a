"""Join mask AP with the Good/Bad metrics of one dataset, and write both where people look."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fvcore.common.config import CfgNode

from scratch_d2.data.catalog import get_dataset_dicts
from scratch_d2.data.coco import to_coco_results
from scratch_d2.data.images import ImageError, read_batches
from scratch_d2.engines.base import Prediction
from scratch_d2.evaluation.coco_ap import average_precision
from scratch_d2.evaluation.image_metrics import image_metrics
from scratch_d2.evaluation.images import judge_images, tabulate
from scratch_d2.evaluation.plots import write_plots
from scratch_d2.inspection.pipeline import load_gate
from scratch_d2.inspection.verdict import Thresholds

Results = dict[str, dict[str, float]]


def evaluate_predictions(
    cfg: CfgNode,
    dataset_name: str,
    predictions: Mapping[Any, Prediction],
    output_dir: str | Path | None = None,
) -> Results:
    """Evaluate the detector's predictions on a registered dataset.

    Args:
        predictions: one per image of the dataset, by image_id.
        output_dir: where to write coco_instances_results.json, evaluation.json and the plots.

    Returns:
        `{"bbox": {...}, "segm": {...}, "image": {...}}`, flat dicts of floats. The image metrics
        come under the prefixes `area_` (area rule alone) and, where GATE.WEIGHTS names a gate,
        `gate_` (Bad unless the gate lets it pass) and `both_` (gate, then area rule).

    Raises ValueError where an image of the dataset has no prediction.
    """
    dicts = get_dataset_dicts(dataset_name)
    missing = [item["file_name"] for item in dicts if item["image_id"] not in predictions]
    if missing:
        raise ValueError(
            f"dataset {dataset_name!r}: {len(missing)} of {len(dicts)} images have no prediction, "
            f"the first is {missing[0]!r}"
        )
    thresholds = Thresholds.from_config(cfg)
    p_bad = _score_by_gate(cfg, dicts)
    images = tabulate(dicts, predictions, p_bad, thresholds)
    judged = judge_images(images, thresholds)

    results = average_precision(dicts, predictions, cfg.TEST.DETECTIONS_PER_IMAGE)
    results["image"] = {
        f"{name}_{key}": value
        for name, (called_bad, score) in judged.items()
        for key, value in image_metrics(images.bad, called_bad, score).items()
    }
    if output_dir is not None:
        _write(Path(output_dir), results, predictions)
        images.save(output_dir, thresholds)
        write_plots(Path(output_dir), images.bad, judged)
    return results


def _score_by_gate(cfg: CfgNode, dicts: Sequence[Mapping[str, Any]]) -> list[float] | None:
    gate = load_gate(cfg)
    if gate is None:
        return None
    scores: list[float] = []
    for batch in read_batches([Path(item["file_name"]) for item in dicts], cfg.GATE.BATCH_SIZE):
        broken = [reason for _, image, reason in batch if image is None]
        if broken:
            raise ImageError(broken[0])
        scores.extend(gate([image for _, image, _ in batch]).tolist())
    return scores


def _write(folder: Path, results: Results, predictions: Mapping[Any, Prediction]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = [row for id_, p in predictions.items() for row in to_coco_results(id_, p)]
    (folder / "coco_instances_results.json").write_text(json.dumps(rows), "utf-8")
    known = {
        task: {key: None if math.isnan(value) else value for key, value in values.items()}
        for task, values in results.items()
    }
    (folder / "evaluation.json").write_text(json.dumps(known, indent=2) + "\n", "utf-8")
