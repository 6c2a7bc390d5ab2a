"""Leaks: test images that the model has seen in training, or that show a label it has seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from scratch_d2.checkpoints.bundle import SPLITS_FILE
from scratch_d2.data.catalog import get_dataset_dicts
from scratch_d2.data.duplicates import near_duplicates
from scratch_d2.data.groups import find_bursts, time_of
from scratch_d2.data.split import read_splits_file
from scratch_d2.evaluation.images import ImageTable, Judged
from scratch_d2.evaluation.settings import EvaluationSettings
from scratch_d2.metrics.coco_ap import average_precision
from scratch_d2.metrics.image_metrics import image_metrics
from scratch_d2.structures.prediction import Prediction

LEAK_METRICS = ("precision_bad", "recall_bad", "F1_bad", "accuracy", "AUC")
Images = Sequence[Mapping[str, str]]


def training_images(settings: EvaluationSettings) -> tuple[Images | None, list[str]]:
    """Return file, sha256 and phash of the images that detector and gate have seen, and notes.

    They are listed in the records of the settings or, while the detector is being trained, are
    those of its datasets. The notes say which images are not known; None means that none are.

    Raises ValueError if a splits.json is damaged.
    """
    seen, notes = [], []
    without = ["gate"] if settings.gate and not settings.gate_record else []
    for file in filter(None, (settings.detector_record, settings.gate_record)):
        rows, left_out = _listed(file)
        seen += rows
        if left_out:
            notes.append(_unchecked(f"{file} does not list those of {', '.join(left_out)}"))
    if not settings.detector_record:
        try:
            seen += [item for name in settings.train_datasets for item in get_dataset_dicts(name)]
        except (FileNotFoundError, ValueError) as error:
            notes.append(_unchecked(" ".join(str(error).split())))
        if not settings.train_datasets:
            without.append("detector")
    if without:
        weights = f"the weights of the {' and the '.join(without)}"
        notes.insert(0, _unchecked(f"there is no {SPLITS_FILE} beside {weights}"))
    return seen or None, list(dict.fromkeys(notes))


def _unchecked(reason: str) -> str:
    return (
        "whether the model has seen any of these images in training cannot be checked in full: "
        f"{reason}; SCRATCH.TRAINED_ON may name another {SPLITS_FILE}"
    )


def _listed(path: str | Path) -> tuple[list[Mapping[str, str]], list[str]]:
    """Return the training images of a splits.json, and the datasets whose images it leaves out."""
    settings, splits = read_splits_file(path)
    if "train" not in splits:
        raise ValueError(f"{path}: lists {', '.join(splits)}; a split named train is expected")
    return list(splits["train"]), [str(name) for name in settings.get("left_out") or []]


@dataclass(frozen=True, eq=False)
class Leaks:
    """Which of N images a model has seen in training, or what shows the same label: [N] bool each.

    Attributes:
        same_files: equal bytes.
        near_duplicates: perceptual hashes that differ in a few bits at most.
        same_bursts: taken so soon before or after, by the times in the names, that a split would
            not tear them apart.
    """

    same_files: np.ndarray
    near_duplicates: np.ndarray
    same_bursts: np.ndarray

    @property
    def any_kind(self) -> np.ndarray:
        """[N] bool, the union."""
        return self.same_files | self.near_duplicates | self.same_bursts


def find_leaks(
    dicts: Sequence[Mapping[str, Any]], training: Images | None, distance: int, gap: float
) -> Leaks:
    """Look for N images among the training images; None or no such images find nothing.

    Args:
        training: sha256, phash and file of each image.
        distance: bits by which the hashes of near-duplicates differ at most, -1 compares none.
        gap: seconds, see `scratch_d2.data.groups.find_bursts`.
    """
    training = training or []
    files = {image["sha256"] for image in training}
    same = np.array([item["sha256"] in files for item in dicts], bool)
    pool = [image["phash"] for image in training]
    near = near_duplicates([item["phash"] for item in dicts], pool, distance) >= 0
    return Leaks(same, near & ~same, _in_bursts_of(dicts, training, gap) & ~same & ~near)


def _in_bursts_of(dicts: Sequence[Mapping[str, Any]], training: Images, gap: float) -> np.ndarray:
    asked, seen = (
        [Path(row.get("file") or row["file_name"]) for row in p] for p in (dicts, training)
    )
    # Names without a time tell nothing across folders: many begin at 0001.
    bursts = find_bursts([path for path in [*asked, *seen] if time_of(path)], gap)
    trained = {bursts.get(path) for path in seen} - {None}
    return np.array([bursts.get(path) in trained for path in asked], bool)


def leak_metrics(
    dicts: Sequence[Mapping[str, Any]],
    predictions: Mapping[Any, Prediction],
    images: ImageTable,
    judged: Judged,
    training: Images | None,
    leaks: Leaks,
    max_dets: int,
) -> dict[str, float]:
    """Return the number of leaked images and the metrics without them.

    `test_images` counts the images with a leak of any kind; `same_files`, `near_duplicates` and
    `same_bursts` count each image once, in the first kind that applies. The metrics are
    `LEAK_METRICS` by judge, and mask AP. Returns {} if the training images are not known.
    """
    if training is None:
        return {}
    leaked, known = leaks.any_kind, {image["sha256"] for image in training}
    counts = {"training_images": float(len(known)), "test_images": float(leaked.sum())}
    counts |= {kind.name: float(getattr(leaks, kind.name).sum()) for kind in fields(Leaks)}
    if not leaked.any() or leaked.all():
        return counts
    clean, kept = images.select(~leaked), [item for item, out in zip(dicts, leaked) if not out]
    ap = average_precision(kept, predictions, max_dets)["segm"]
    counts |= {"segm_AP": ap["AP"], "segm_AP50": ap["AP50"]}
    for judge, (y_pred, y_score) in judged.items():
        metrics = image_metrics(clean.y_true, y_pred[~leaked], y_score[~leaked], clean.group)
        counts |= {f"{judge}_{name}": metrics[name] for name in LEAK_METRICS}
    return counts
