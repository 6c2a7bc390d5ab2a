"""The folder of an evaluation: metrics, a row per image, detections, plots."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scratch_d2.data.coco import to_coco_results
from scratch_d2.evaluation.images import ImageTable, judge_images
from scratch_d2.evaluation.plots import write_plots
from scratch_d2.structures.prediction import Prediction
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.utils.files import write_atomically

Results = dict[str, dict[str, float]]
EVALUATION = "evaluation.json"
DETECTIONS = "coco_instances_results.json"
# What earlier versions called metrics: the end of a key of the group "image", keys of "gate".
OLD_COUNTS = {"bad_as_bad": "tp", "good_as_bad": "fp", "bad_as_good": "fn", "good_as_good": "tn"}
OLD_GATE_KEYS = {
    "skipped": "below_threshold",
    "skipped_good": "good_below_threshold",
    "skipped_bad": "bad_below_threshold",
    "false_alarms_avoided": "fp_avoided",
}


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The evaluation of a model on a dataset.

    Attributes:
        results: flat dicts of floats: bbox and segm (AP), image (Good/Bad), pixel, speed and, if
            they apply, leak, gate, families and kinds.
        images: one row per image.
        thresholds: those that judged the images.
        metadata: dataset, data_sha256, counts of images, Bad images and groups, and `notes`,
            sentences on what limits the metrics.
    """

    results: Results
    images: ImageTable
    thresholds: Thresholds
    metadata: dict[str, Any]


def write_evaluation(
    evaluation: Evaluation, predictions: Mapping[Any, Prediction], folder: str | Path
) -> None:
    """Write evaluation.json, images.jsonl, coco_instances_results.json and plots into a folder."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    known = set(evaluation.images.image_id)
    rows = [r for id_, p in predictions.items() if id_ in known for r in to_coco_results(id_, p)]
    write_atomically(json.dumps(rows), folder / DETECTIONS)
    metadata = {**evaluation.metadata, "thresholds": asdict(evaluation.thresholds)}
    content: dict[str, Any] = {"metadata": metadata}
    for task, values in evaluation.results.items():
        content[task] = {key: None if math.isnan(v) else v for key, v in values.items()}
    write_atomically(json.dumps(content, indent=2) + "\n", folder / EVALUATION)
    evaluation.images.save(folder, evaluation.thresholds)
    judged = dict(judge_images(evaluation.images, evaluation.thresholds))
    if "unseen_below" in evaluation.metadata:
        # What the area rule alone would say of images that the detector has not seen is not known.
        del judged["area"]
    write_plots(folder, evaluation.images.y_true, judged)


def read_evaluation(folder: str | Path) -> tuple[Results, dict[str, Any]]:
    """Read evaluation.json of a folder: results, with null as nan, and metadata.

    The keys of earlier versions are read as well. Raises FileNotFoundError, or ValueError naming
    the file if it is not an evaluation.
    """
    path = Path(folder) / EVALUATION
    if not path.is_file():
        raise FileNotFoundError(f"{str(path)!r}: no such file; an evaluation writes it")
    try:
        content = json.loads(path.read_text("utf-8"))
        metadata = {"notes": [], **content.pop("about", {}), **content.pop("metadata", {})}
        if not isinstance(metadata["notes"], list) or not isinstance(metadata["dataset"], str):
            raise ValueError(f"its metadata are {metadata}")
        results = {
            task: {
                _new_key(task, k): math.nan if v is None else float(v) for k, v in values.items()
            }
            for task, values in content.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: not an evaluation ({error!r})") from None
    return results, metadata


def _new_key(task: str, key: str) -> str:
    """Return the name of a metric; earlier versions wrote others."""
    if task == "gate":
        return OLD_GATE_KEYS.get(key, key)
    judge, _, count = key.partition("_")
    return f"{judge}_{OLD_COUNTS[count]}" if task == "image" and count in OLD_COUNTS else key


def record_weight_hashes(folder: str | Path, hashes: Mapping[str, str | None]) -> None:
    """Add the hashes of `ModelBundle.hash_weights` to evaluation.json."""
    path = Path(folder) / EVALUATION
    content = json.loads(path.read_text("utf-8"))
    content["metadata"].update(hashes)
    write_atomically(json.dumps(content, indent=2) + "\n", path)
