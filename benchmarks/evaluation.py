#!/usr/bin/env python3
"""How long an evaluation takes, and its AP beside that of pycocotools on the same JSON files.

    benchmarks/evaluation.py --output runs/evaluation [--images 5000]

Labels are rendered, a fifth of them Bad. Detections are made up: most true scratches, shifted and
widened or narrowed, and some fifteen ellipses on every image. Renderings that are there are kept.
"""

import argparse
import contextlib
import io
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from scratch_d2.cli.common import run
from scratch_d2.data import get_dataset_dicts, register_scratch_dataset
from scratch_d2.data.coco import CATEGORY_ID, write_coco_json
from scratch_d2.evaluation.offline import evaluate_results
from scratch_d2.evaluation.results_io import read_results
from scratch_d2.evaluation.settings import EvaluationSettings
from scratch_d2.metrics.coco_ap import KINDS, NAMES, average_precision
from scratch_d2.report import write_report_of
from scratch_d2.structures.dataset_dict import scratches_of
from scratch_d2.structures.masks import decode_rle, encode_rle, mask_to_box, to_rle
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.synthetic.dataset import write_dataset
from scratch_d2.utils.tables import format_table

ROUNDS = 5


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", required=True, type=Path, metavar="DIR")
    parser.add_argument("--images", type=int, default=5000)
    return parser.parse_args()


def detect(item: dict, rng: np.random.Generator) -> list[tuple[np.ndarray, float]]:
    """Make up detections of an image: masks HxW uint8 and scores."""
    height, width = item["height"], item["width"]
    found = []
    for scratch in scratches_of(item):
        if rng.random() < 0.8:
            mask = decode_rle(to_rle(scratch["segmentation"], height, width)).astype(np.uint8)
            change = cv2.dilate if rng.random() < 0.5 else cv2.erode
            mask = change(mask, np.ones([int(rng.integers(1, 6))] * 2, np.uint8))
            found.append((np.roll(mask, rng.integers(-3, 4, 2), (0, 1)), rng.uniform(0.3, 1)))
    for _ in range(rng.poisson(15)):
        mask = np.zeros((height, width), np.uint8)
        centre = int(rng.integers(0, width)), int(rng.integers(0, height))
        axes = int(rng.integers(3, 40)), int(rng.integers(2, 9))
        cv2.ellipse(mask, centre, axes, rng.uniform(0, 180), 0, 360, 1, -1)
        found.append((mask, rng.uniform(0.05, 0.6)))
    return [(mask, float(score)) for mask, score in found if mask.any()]


def write_results(dicts: list[dict], folder: Path) -> int:
    """Write what tools/predict.py and COCO's tools would: rows with a gate's score, and JSON."""
    rng, rows, entries = np.random.default_rng(0), [], []
    for item in dicts:
        found = []
        for mask, score in detect(item, rng):
            x0, y0, x1, y1 = mask_to_box(mask.astype(bool))
            box = [float(v) for v in (x0, y0, x1 - x0, y1 - y0)]
            entry = {"image_id": item["image_id"], "category_id": CATEGORY_ID, "bbox": box}
            found.append({**entry, "score": score, "segmentation": encode_rle(mask)})
        p_bad = float(rng.beta(5, 2) if item["verdict"] == "bad" else rng.beta(1, 5))
        row = {"file": item["file_name"], "status": "ok", "p_bad": p_bad, "instances": found}
        rows.append(json.dumps(row) + "\n")
        entries += found
    (folder / "run").mkdir(exist_ok=True)
    (folder / "run" / "results.jsonl").write_text("".join(rows))
    # With boxes there pycocotools would measure masks by their boxes.
    for kind, left_out in (("results", ""), ("bbox", "segmentation"), ("segm", "bbox")):
        kept = [{k: v for k, v in entry.items() if k != left_out} for entry in entries]
        (folder / f"{kind}.json").write_text(json.dumps(kept))
    return len(entries)


def by_pycocotools(folder: Path) -> tuple[float, list[float]]:
    """Evaluate boxes and masks of the JSON files; the seconds after reading, and AP in percent."""
    figures = []
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(folder / "annotations.json"))
        read = {k: truth.loadRes(str(folder / f"{k}.json")) for k in KINDS}
        begin = time.perf_counter()
        for kind in KINDS:
            evaluation = COCOeval(truth, read[kind], kind)
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
            figures += [100 * float(value) for value in evaluation.stats[:6]]
    return time.perf_counter() - begin, figures


def by_scratch_d2(folder: Path, dicts: list[dict]) -> tuple[float, list[float]]:
    """Do the same with this package, which takes AP by width on the way."""
    predictions = read_results(folder / "results.json", dicts).predictions
    begin = time.perf_counter()
    figures = average_precision(dicts, predictions)
    return time.perf_counter() - begin, [figures[kind][name] for kind in KINDS for name in NAMES]


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.perf_counter()
    result = call()
    return time.perf_counter() - begin, result


def compare_ap(folder: Path, dicts: list[dict]) -> None:
    """Print the times of both, taking turns, and the largest difference of their AP."""
    calls = [lambda: by_scratch_d2(folder, dicts), lambda: by_pycocotools(folder)]
    seconds, values = np.zeros((ROUNDS, 2, 2)), [[], []]
    for round_ in range(ROUNDS):  # each begins in turn
        for index in (0, 1) if round_ % 2 else (1, 0):
            whole, (step, values[index]) = timed(calls[index])
            seconds[round_, index] = step, whole
    ours, theirs = np.median(seconds, axis=0)
    ratios = np.median(seconds[:, 0] / seconds[:, 1], axis=0)
    titles = ("AP of boxes and masks", "the same, with reading the JSON")
    rows = [
        [title, f"{ours[i]:.2f} s", f"{theirs[i]:.2f} s", f"{ratios[i]:.2f}"]
        for i, title in enumerate(titles)
    ]
    print(format_table(rows, ["", "scratch_d2", "pycocotools", "ratio"], markdown=True))
    apart = [abs(a - b) for a, b in zip(*values) if not (np.isnan(a) and b == -100)]
    print(f"\nLargest difference of the {len(apart)} values: {max(apart):.1e}\n")


def main() -> int:
    args = parse_args()
    labels, folder = args.output / "labels", args.output / "results"
    if not (labels / "annotations.json").is_file():
        write_dataset(labels, args.images, seed=3, workers=os.cpu_count() or 1)
    folder.mkdir(exist_ok=True)
    register_scratch_dataset("labels", labels)
    scan, dicts = timed(lambda: get_dataset_dicts("labels"))
    write_coco_json(dicts, folder / "annotations.json")
    count = write_results(dicts, folder)
    print(f"\n{len(dicts)} images, {count} detections\n")
    compare_ap(folder, dicts)

    out = args.output / "evaluation"
    settings = EvaluationSettings(Thresholds(area=300.0), train_datasets=("labels",))
    seconds, made = timed(lambda: evaluate_results("labels", folder / "run", out, settings))
    page, report = timed(lambda: write_report_of(out, "labels"))
    rows = {
        "scan of the dataset": scan,
        "evaluation: AP, Good/Bad, intervals, pixels, leaks, plots": seconds,
        f"report.html, {report.stat().st_size / 1e6:.1f} MB": page,
        "evaluation and report": seconds + page,
    }
    cells = [[title, f"{value:.1f} s"] for title, value in rows.items()]
    print(format_table(cells, ["step", "time"], markdown=True))
    print(f"\n{len(made.images)} images evaluated: {report}")
    return 0


if __name__ == "__main__":
    run(main)
