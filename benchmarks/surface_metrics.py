"""The tables of benchmarks/surfaces.py, from predictions of several folds."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scratch_d2.data.split import deal_groups
from scratch_d2.evaluation.images import make_image_table
from scratch_d2.evaluation.results_io import to_predictions
from scratch_d2.metrics.bootstrap import interval, resample
from scratch_d2.metrics.coco_ap import average_precision
from scratch_d2.metrics.image_metrics import image_metrics
from scratch_d2.structures.dataset_dict import has_unknown_scratches, mask_of, verdict_of
from scratch_d2.structures.labels import BAD
from scratch_d2.structures.masks import decode_rle
from scratch_d2.structures.prediction import Prediction
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.utils.counting import count_of
from scratch_d2.utils.tables import format_table

MAX_DETS = 50
AREA_RULE = Thresholds(score=0.3, area=0.01, area_method="weighted", area_unit="fraction")
SCORES = np.linspace(0.05, 0.95, 19)  # thresholds of the detector's score to choose from
Dicts = Sequence[Mapping[str, Any]]
Metrics = Mapping[str, float]


def print_tables(dicts: Dicts, files: Sequence[Path], title: str) -> None:
    """Print the tables of the photographs that the files of predictions hold."""
    contents = [json.loads(file.read_text("utf-8")) for file in files]
    fold_of = {int(id_): f for f, content in enumerate(contents) for id_ in content["p_bad"]}
    dicts = [item for item in dicts if item["image_id"] in fold_of]
    if not dicts:
        print(f"{title}: no predictions yet")
        return
    results = [entry for content in contents for entry in content["results"]]
    predictions = to_predictions(results, dicts, files[0])
    scores = {int(id_): p for content in contents for id_, p in content["p_bad"].items()}
    fold = np.array([fold_of[item["image_id"]] for item in dicts])
    y_true = np.array([verdict_of(item) == BAD for item in dicts])
    groups = [item["group"] for item in dicts]
    if len(files) == 1:  # thresholds come from the other half of its groups
        fold = deal_groups(groups, y_true, [0.5, 0.5])
    print(
        f"\n### {title}: {len(dicts)} photographs in {len(set(groups))} groups, {y_true.sum()} "
        f"Bad, {count_of(len(files), 'fold')}\n"
    )
    table = make_image_table(dicts, predictions, [scores[d["image_id"]] for d in dicts], AREA_RULE)
    best = [float(predictions[d["image_id"]].scores.max(initial=0)) for d in dicts]
    judges = {"area rule": table.area, "gate": table.p_bad, "highest score": np.array(best)}
    called = {name: call_bad(y_true, score, fold) for name, score in judges.items()}
    print_images(y_true, judges, called, groups)
    print_instances(dicts, predictions, called, y_true)
    print_pixels(dicts, predictions, fold)


def call_bad(y_true: np.ndarray, score: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Call images Bad, [N] bool, by the threshold of highest F1 on the images of other folds."""

    def f1_of(chosen: np.ndarray) -> Callable[[float], float]:
        truth, values = y_true[chosen], score[chosen]
        return lambda t: 2 * (truth & (values >= t)).sum() / ((values >= t).sum() + truth.sum())

    called = np.zeros(len(y_true), bool)
    for own in np.unique(fold):
        others = fold != own
        threshold = max(np.unique(score[others]), key=f1_of(others))
        called[fold == own] = score[fold == own] >= threshold
    return called


def print_images(
    y_true: np.ndarray,
    judges: Mapping[str, np.ndarray],
    called: Mapping[str, np.ndarray],
    groups: Sequence[str],
) -> None:
    names = ("AUC", "AP_bad", "F1_bad", "precision_bad", "recall_bad")
    rows = []
    for name, score in judges.items():
        metrics = image_metrics(y_true, called[name], score, groups)
        rows.append([name, *(cell(metrics, metric, 3) for metric in names)])
    print(format_table(rows, ["images", *names], markdown=True), end="\n\n")


def print_instances(
    dicts: Dicts,
    predictions: Mapping[Any, Prediction],
    called: Mapping[str, np.ndarray],
    y_true: np.ndarray,
) -> None:
    """Print AP of all kinds and of each, and how many images of it are called Bad."""
    kind = np.array([item.get("kind", "") for item in dicts])
    slices = {"all": np.ones(len(dicts), bool)}
    slices |= {name: (kind == name) | ~y_true for name in sorted(set(kind[y_true]))}
    slices |= {f"{n}, without Good": kind == n for n in slices if n != "all"}
    rows = []
    for name, chosen in slices.items():
        part = [dicts[index] for index in np.flatnonzero(chosen)]
        groups = [item["group"] for item in part]
        bad = chosen & y_true
        count = f"{bad.sum()} ({len({dicts[i]['group'] for i in np.flatnonzero(bad)})})"
        ap = average_precision(part, predictions, MAX_DETS, resample(groups))
        cells = [cell(ap[k], m, 1) for k in ("segm", "bbox") for m in ("AP", "AP50")]
        recalls = [f"{called[judge][bad].mean():.3f}" for judge in ("area rule", "gate")]
        rows.append([name, count, *cells, *recalls])
    names = ["kind, against all Good", "images (groups)", "mask AP", "mask AP50", "box AP"]
    names += ["box AP50", "recall, area rule", "recall, gate"]
    print(format_table(rows, names, markdown=True), end="\n\n")


def count_pixels(dicts: Dicts, predictions: Mapping[Any, Prediction]) -> np.ndarray:
    """Count true positive, predicted and true pixels by score threshold, [N, SCORES, 3]."""
    counts = np.zeros((len(dicts), len(SCORES), 3))
    for row, item in zip(counts, dicts):
        found = predictions[item["image_id"]]
        best = np.zeros((item["height"], item["width"]), np.float32)
        for score, mask in zip(found.scores, found.masks):
            np.maximum(best, score, best, where=decode_rle(mask))
        true = mask_of(item)
        for column, values in ((0, best[true]), (1, best.ravel())):
            row[:, column] = values.size - np.searchsorted(np.sort(values), SCORES)
        row[:, 2] = true.sum()
    return counts


def print_pixels(dicts: Dicts, predictions: Mapping[Any, Prediction], fold: np.ndarray) -> None:
    """Print F1 and IoU of pixels at the score threshold of highest F1 on other folds."""
    known = [index for index, item in enumerate(dicts) if not has_unknown_scratches(item)]
    dicts, fold = [dicts[index] for index in known], fold[known]
    by_score = count_pixels(dicts, predictions)
    counts = np.zeros((len(dicts), 3))
    for own in np.unique(fold):
        threshold = int(np.argmax(f1_iou(by_score[fold != own].sum(axis=0))[0]))
        counts[fold == own] = by_score[fold == own, threshold]
    bad = counts[:, 2] > 0
    kind = np.array([item.get("kind", "") for item in dicts])
    pixels = np.array([item["height"] * item["width"] for item in dicts])
    slices = {"all photographs": np.ones(len(dicts), bool), "Bad photographs": bad}
    slices |= {name: bad & (kind == name) for name in sorted(set(kind[bad]))}
    rows = [pixel_row(name, counts[own], pixels[own], dicts, own) for name, own in slices.items()]
    names = ["pixels pooled over", "F1", "IoU", "mean IoU with background", "IoU: mean of images"]
    print(format_table(rows, names, markdown=True), end="\n\n")


def pixel_row(
    name: str, counts: np.ndarray, pixels: np.ndarray, dicts: Dicts, own: np.ndarray
) -> list[str]:
    tp, predicted, true = counts.T
    resampling = resample([dicts[index]["group"] for index in np.flatnonzero(own)])
    totals = resampling.totals(np.column_stack([counts, pixels]))
    f1, iou = f1_iou(totals[:, :3])
    free = totals[:, 3] - totals[:, 1] - totals[:, 2] + totals[:, 0]
    both = (iou + free / (totals[:, 3] - totals[:, 0])) / 2
    bad = true > 0
    mean = (tp[bad] / (predicted + true - tp)[bad]).mean()
    values = {"F1": f1, "IoU": iou, "mean": both}
    metrics = {n: float(v[0]) for n, v in values.items()}
    for n, v in values.items():
        metrics[f"{n}_low"], metrics[f"{n}_high"] = interval(v)
    return [name, *(cell(metrics, n, 3) for n in values), f"{mean:.3f}"]


def f1_iou(totals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return F1 and IoU, [K] each, from [K, 3] true positive, predicted and true pixels."""
    tp, predicted, true = totals.T
    with np.errstate(invalid="ignore", divide="ignore"):
        return 2 * tp / (predicted + true), tp / (predicted + true - tp)


def cell(metrics: Metrics, name: str, digits: int) -> str:
    low, high = metrics[f"{name}_low"], metrics[f"{name}_high"]
    known = "" if math.isnan(low) else f" ({low:.{digits}f}-{high:.{digits}f})"
    return f"{metrics[name]:.{digits}f}{known}"
