"""Join mask AP with the Good/Bad metrics of one dataset."""

import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from scratch_d2.data.catalog import get_dataset_dicts
from scratch_d2.data.images import ImageError, read_batches
from scratch_d2.data.split import data_hash
from scratch_d2.evaluation.files import Evaluation, Results, write_evaluation
from scratch_d2.evaluation.gate_cost import gate_metrics
from scratch_d2.evaluation.images import ImageTable, judge_images, make_image_table
from scratch_d2.evaluation.leaks import find_leaks, leak_metrics, training_images
from scratch_d2.evaluation.settings import DEFAULT_SETTINGS, EvaluationSettings
from scratch_d2.evaluation.slices import family_metrics, kind_metrics
from scratch_d2.evaluation.timing import speed_metrics
from scratch_d2.gate.doubts import find_doubts
from scratch_d2.gate.loading import image_check_of, load_gate, score_images
from scratch_d2.metrics.bootstrap import resample
from scratch_d2.metrics.coco_ap import average_precision
from scratch_d2.metrics.image_metrics import image_metrics
from scratch_d2.metrics.pixel_metrics import pixel_metrics
from scratch_d2.structures.dataset_dict import has_unknown_scratches
from scratch_d2.structures.prediction import Prediction
from scratch_d2.utils.counting import count_of
from scratch_d2.utils.progress import Progress, track

STEPS = 4  # that take long


def evaluate_predictions(
    dataset_name: str,
    predictions: Mapping[Any, Prediction],
    settings: EvaluationSettings = DEFAULT_SETTINGS,
    output_dir: str | Path | None = None,
    seconds: Mapping[str, float] | None = None,
) -> Results:
    """Evaluate the detector's predictions on a registered dataset, with the gate of the settings.

    Args:
        predictions: one per image of the dataset, by image_id.
        output_dir: where to write evaluation.json, images.jsonl, coco_instances_results.json and
            the plots.
        seconds: what reading and detecting took in all, by the keys "read" and "detector".

    Returns `Evaluation.results`. The image metrics come under the prefixes `area_` (area rule
    alone) and, if the settings name a gate, `gate_` (Bad from gate_threshold on) and `both_`
    (gate, then area rule).

    Raises ValueError if an image of the dataset has no prediction.
    """
    dicts, seconds = get_dataset_dicts(dataset_name), dict(seconds or {})
    p_bad, unjudged = score_by_gate(settings, dicts, seconds)
    evaluation = evaluate_dicts(
        dataset_name, dicts, predictions, p_bad, settings, seconds, unjudged
    )
    if output_dir is not None:
        write_evaluation(evaluation, predictions, output_dir)
    return evaluation.results


def evaluate_dicts(
    dataset_name: str,
    dicts: Sequence[Mapping[str, Any]],
    predictions: Mapping[Any, Prediction],
    p_bad: Sequence[float] | None,
    settings: EvaluationSettings = DEFAULT_SETTINGS,
    seconds: Mapping[str, float] | None = None,
    unjudged: Collection[int] = (),
) -> Evaluation:
    """Evaluate predictions and gate scores, each in the order of the dataset dicts.

    Args:
        unjudged: places of images that `predict` would not judge; a note says how many.

    Raises ValueError if an image has no prediction, or a score is not a number.
    """
    _check_predicted(dataset_name, dicts, predictions)
    thresholds, seconds = settings.thresholds, dict(seconds or {})
    begin = time.perf_counter()
    images = make_image_table(dicts, predictions, p_bad, thresholds)
    seconds["rule"] = time.perf_counter() - begin
    judged = judge_images(images, thresholds)
    max_dets = settings.max_detections

    with Progress("computing metrics", STEPS, "step") as progress:
        results = average_precision(dicts, predictions, max_dets, resample(images.group))
        progress.update()
        results["image"] = {
            f"{judge}_{name}": value
            for judge, (y_pred, y_score) in judged.items()
            for name, value in image_metrics(images.y_true, y_pred, y_score, images.group).items()
        }
        progress.update()
        results["pixel"] = pixel_metrics(dicts, predictions, thresholds, images.group)
        progress.update()
        training, notes = training_images(settings)
        leaks = find_leaks(dicts, training, settings.duplicate_distance, settings.burst_gap)
        results["leak"] = leak_metrics(
            dicts, predictions, images, judged, training, leaks, max_dets
        )
        progress.update()
    results["gate"] = gate_metrics(images, judged)
    results["speed"] = speed_metrics(seconds, images, thresholds)
    results["families"] = family_metrics(images, judged)
    results["kinds"] = kind_metrics(dicts, predictions, images, judged, max_dets)
    results = {task: metrics for task, metrics in results.items() if metrics}
    metadata = {
        "dataset": dataset_name,
        "data_sha256": data_hash(dicts),
        "images": len(dicts),
        "bad": int(images.y_true.sum()),
        "groups": len(set(images.group)),
        "max_detections": max_dets,
    }
    calibrated_here = settings.calibrated_on == metadata["data_sha256"]
    notes += _notes(dicts, predictions, images, calibrated_here, int(leaks.any_kind.sum()))
    if unjudged:
        good = sum(not images.y_true[index] for index in unjudged)
        notes.append(
            f"{count_of(len(unjudged), 'image')}, {good} of them Good, would go to review, because "
            "predict cannot judge them; here gate and area rule judge them"
        )
    return Evaluation(results, images, thresholds, {**metadata, "notes": notes})


def _check_predicted(
    dataset_name: str, dicts: Sequence[Mapping[str, Any]], predictions: Mapping[Any, Prediction]
) -> None:
    if not dicts:
        raise ValueError(f"dataset {dataset_name!r} holds no image; there is nothing to evaluate")
    missing = [item["file_name"] for item in dicts if item["image_id"] not in predictions]
    if missing:
        raise ValueError(
            f"dataset {dataset_name!r}: {len(missing)} of {len(dicts)} images have no prediction, "
            f"the first is {missing[0]!r}"
        )


def score_by_gate(
    settings: EvaluationSettings, dicts: Sequence[Mapping[str, Any]], seconds: dict[str, float]
) -> tuple[list[float] | None, list[int]]:
    """Return p(Bad) of each image by the gate of the settings, and which it would not judge.

    Without a gate that is None, and none. What it took is added to `seconds` under "gate", reading
    aside.
    """
    gate = load_gate(settings.gate, settings.gate_device)
    if gate is None:
        return None, []
    check = image_check_of(gate) if settings.check_images else None
    scores: list[float] = []
    unjudged: list[int] = []
    seconds["gate"] = 0.0
    paths = [Path(item["file_name"]) for item in dicts]
    batches = read_batches(paths, settings.gate_batch_size, settings.white_level)
    steps = -(-len(paths) // settings.gate_batch_size)
    for batch in track(batches, "scoring by the gate", steps, "step"):
        broken = [reason for _, image, reason in batch if image is None]
        if broken:
            raise ImageError(broken[0])
        images = [image for _, image, _ in batch if image is not None]
        begin = time.perf_counter()
        p_bad, distances = score_images(gate, images)
        if check is not None:
            given = (images, p_bad.tolist(), distances, settings.thresholds)
            unjudged += [len(scores) + index for index in find_doubts(gate, check, *given)]
        scores.extend(p_bad.tolist())
        seconds["gate"] += time.perf_counter() - begin
    return scores, unjudged


def _notes(
    dicts: Sequence[Mapping[str, Any]],
    predictions: Mapping[Any, Prediction],
    images: ImageTable,
    calibrated_here: bool,
    leaked: int,
) -> list[str]:
    """Return what limits the metrics, one sentence each."""
    bad, unmarked = int(images.y_true.sum()), sum(map(has_unknown_scratches, dicts))
    notes = {
        f"{leaked} of {len(dicts)} images are, or show the label of, images that the model was "
        "trained on; the group leak holds the metrics without them": leaked,
        "the thresholds were chosen on these very images; expect less on others": calibrated_here,
        "there is no Bad image: recall, AUC and AP say nothing": not bad,
        "there is no Good image: false positives and AUC cannot be known": bad == len(images),
        f"{unmarked} of {bad} Bad images have scratches without a mask: these count for Good/Bad, "
        "not for AP": unmarked,
        "the detector found nothing on any image": not any(map(len, predictions.values())),
    }
    return [sentence for sentence, holds in notes.items() if holds]
