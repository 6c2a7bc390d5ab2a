#!/usr/bin/env python3
"""What labels are worth that `scratch-d2 select` picks, beside labels that are drawn at random.

    scratch-d2 evaluate --dataset /data/real --output runs/real
    benchmarks/selection.py runs/real/inference [--cache runs/real/embeddings.npz]
    benchmarks/selection.py --render runs/other_font

The second command renders 1,000 labels that the reference models do not know, in another font and
other light, and prints what to do next.

Nothing is fine-tuned, as hundreds of trainings would take days. Three cheap stand-ins learn from
the labels:

- layer: a linear layer on the frozen models. It adds to the margin of the released decision a
  weighted sum of log-odds of p(Bad), log of the scratch area, best score of a detection, and the 32
  largest components of the gate's embedding. The weights come from logistic regression with an L2
  penalty, so that without labels this is the released decision.
- calibrate: the thresholds of `scratch-d2 calibrate`, which keeps the released ones unless new ones
  are better in cross-validation.
- calibrate --anew: those of highest F1 on the labels.

The photographs are dealt to five parts by groups of shots, anew for each seed. Labels are picked
among four parts, and only these are revealed. What was learnt judges the fifth part. A figure is
the F1 of Bad over all photographs, each judged once: mean, lowest and highest of the seeds. All
ways but `random` take one photograph of a group, so that they may find fewer than are asked for.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fine_tuning import FONT, relight
from PIL import Image
from scipy.optimize import minimize

from scratch_d2.calibration.choice import calibrate
from scratch_d2.calibration.keeping import ORIGIN, Former
from scratch_d2.cli.common import run
from scratch_d2.data.images import read_image
from scratch_d2.data.split import deal_groups
from scratch_d2.evaluation.files import DETECTIONS, read_evaluation
from scratch_d2.evaluation.images import ImageTable, judge_images
from scratch_d2.gate import Gate
from scratch_d2.selection.choice import LEAST_WEIGHT, doubts
from scratch_d2.selection.coverage import spread
from scratch_d2.selection.doubt import decision_margin
from scratch_d2.selection.photographs import look_at
from scratch_d2.structures.doubt import log_area, log_odds
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.synthetic.dataset import write_dataset
from scratch_d2.utils.bundled import bundled_weights
from scratch_d2.utils.tables import format_table

COUNTS = (25, 50, 100, 200)
PARTS = 5
COMPONENTS = 32
PENALTY = 1.0
RENDERED, SEED = 1000, 61  # a seed of no other set in this project


@dataclass(frozen=True)
class Photographs:
    """What the frozen models say of N photographs.

    Attributes:
        embeddings: [N, C] of length 1.
        doubt: [N] in 0..1.
        margin: [N], of the released decision; from 0 on it is Bad.
        features: [N, F], what the layer weighs; the first is 1.
    """

    images: ImageTable
    thresholds: Thresholds
    embeddings: np.ndarray
    doubt: np.ndarray
    margin: np.ndarray
    features: np.ndarray


# Returns indices among those of a pool, the first to label first.
Way = Callable[[Photographs, np.ndarray, int], np.ndarray]
# Returns [T] bool, which photographs of a test part are Bad, from the labels that were picked.
Learner = Callable[[Photographs, np.ndarray, np.ndarray], np.ndarray]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("evaluation", nargs="?", type=Path, metavar="DIR")
    parser.add_argument("--render", type=Path, metavar="DIR", help="write labels, and nothing else")
    parser.add_argument("--gate", type=Path, default=bundled_weights() / "gate.pth", metavar="FILE")
    parser.add_argument("--cache", type=Path, metavar="FILE", help="keeps the embeddings")
    parser.add_argument("--seeds", type=int, default=5, metavar="N")
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    args = parser.parse_args()
    if (args.evaluation is None) == (args.render is None):
        parser.error("name either an evaluation or --render with a folder")
    return args


def render(folder: Path) -> None:
    """Write good/, bad/ and masks/, a fifth of them Bad."""
    write_dataset(folder, RENDERED, SEED, 0.2, 1, fonts=[FONT])
    rng = np.random.default_rng(SEED)
    for kind in ("good", "bad"):
        for file in sorted((folder / kind).iterdir()):
            Image.fromarray(relight(read_image(file), rng)).save(file)


def read_photographs(folder: Path, gate: Path, cache: Path | None) -> Photographs:
    images = ImageTable.load(folder)
    thresholds = Thresholds.from_dict(read_evaluation(folder)[1]["thresholds"])
    embeddings = read_embeddings(images, gate, cache)
    centred = embeddings - embeddings.mean(axis=0)
    components = centred @ np.linalg.svd(centred, full_matrices=False)[2][:COMPONENTS].T
    best = best_scores(folder, images)
    scores = np.c_[log_odds(images.p_bad), log_area(images.area, thresholds), best]
    scores = (scores - scores.mean(axis=0)) / scores.std(axis=0)
    features = np.c_[np.ones(len(images)), scores, components / components.std(axis=0).max()]
    doubt = doubts(images.area, images.p_bad, thresholds)
    margin = decision_margin(images.area, images.p_bad, thresholds)
    return Photographs(images, thresholds, embeddings, doubt, margin, features)


def read_embeddings(images: ImageTable, gate: Path, cache: Path | None) -> np.ndarray:
    """Return [N, C] float32, from the cache if it holds these photographs."""
    if cache and cache.is_file():
        with np.load(cache) as saved:
            if saved["files"].tolist() == images.file:
                return saved["embeddings"]
    seen = look_at([Path(file) for file in images.file], Gate.load(gate, "cuda"))
    if seen.errors:
        raise ValueError(f"{len(seen.errors)} photographs cannot be read: {seen.errors[0]}")
    if cache:
        np.savez(cache, files=np.array(images.file), embeddings=seen.embeddings)
    return seen.embeddings


def best_scores(folder: Path, images: ImageTable) -> np.ndarray:
    """Return [N], the highest score of a detection in each image, 0 without one."""
    best = dict.fromkeys(images.image_id, 0.0)
    for entry in json.loads((folder / DETECTIONS).read_text("utf-8")):
        best[entry["image_id"]] = max(best[entry["image_id"]], entry["score"])
    return np.array([best[image_id] for image_id in images.image_id])


def draw(photographs: Photographs, pool: np.ndarray, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(pool)


def draw_one_per_group(photographs: Photographs, pool: np.ndarray, seed: int) -> np.ndarray:
    return one_per_group(photographs, draw(photographs, pool, seed))


def most_doubtful(photographs: Photographs, pool: np.ndarray, seed: int) -> np.ndarray:
    order = np.argsort(-photographs.doubt[pool], kind="stable")
    return one_per_group(photographs, pool[order])


def one_per_group(photographs: Photographs, order: np.ndarray) -> np.ndarray:
    """Keep the first photograph of each group."""
    groups = np.array(photographs.images.group)[order]
    return order[np.sort(np.unique(groups, return_index=True)[1])]


def spread_by(least: float) -> Way:
    """Return the k-center greedy whose weights are the doubt, but at least so much."""

    def way(photographs: Photographs, pool: np.ndarray, seed: int) -> np.ndarray:
        weights = least + (1 - least) * photographs.doubt[pool]
        groups = [photographs.images.group[index] for index in pool]
        far = np.full(len(pool), 2.0)
        chosen = spread(photographs.embeddings[pool], weights, far, groups, max(COUNTS))
        return pool[[index for index, _ in chosen]]

    return way


WAYS: dict[str, Way] = {
    "random": draw,
    "random, one of a burst": draw_one_per_group,
    "doubt alone": most_doubtful,
    "distance alone": spread_by(1.0),
    "select": spread_by(LEAST_WEIGHT),
}


def train_layer(photographs: Photographs, picked: np.ndarray, test: np.ndarray) -> np.ndarray:
    features, start = photographs.features[picked], photographs.margin[picked]
    signs = np.where(photographs.images.y_true[picked], 1.0, -1.0)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        margins = signs * (start + features @ weights)
        slope = -signs / (1 + np.exp(np.minimum(margins, 500)))
        value = np.logaddexp(0, -margins).sum() + PENALTY * (weights**2).sum() / 2
        return value, features.T @ slope + PENALTY * weights

    weights = minimize(loss, np.zeros(features.shape[1]), jac=True, method="L-BFGS-B").x
    return photographs.margin[test] + photographs.features[test] @ weights >= 0


def choose_by_calibration(keep: bool) -> Learner:
    """Return the learner of `calibrate`, or of `calibrate --anew`, which keeps nothing."""

    def learner(photographs: Photographs, picked: np.ndarray, test: np.ndarray) -> np.ndarray:
        labels, released = photographs.images.select(picked), photographs.thresholds
        former = Former(released, dict.fromkeys(ORIGIN)) if keep else None
        chosen = calibrate(labels, released, "f1", former=former).thresholds
        return judge_images(photographs.images.select(test), chosen)["both"][0]

    return learner


LEARNERS: dict[str, Learner] = {
    "layer": train_layer,
    "calibrate": choose_by_calibration(keep=True),
    "calibrate --anew": choose_by_calibration(keep=False),
}


def f1(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    return 2 * int((y_true & y_pred).sum()) / max(int(y_true.sum() + y_pred.sum()), 1)


def simulate(photographs: Photographs, way: Way, seed: int) -> dict[str, list[float]]:
    """Return the F1 of each learner, and the number of labels and of Bad ones, by `COUNTS`."""
    images = photographs.images
    parts = deal_groups(images.group, images.y_true, [1 / PARTS] * PARTS, seed)
    y_pred = {name: np.zeros((len(COUNTS), len(images)), bool) for name in LEARNERS}
    labels, bad = np.zeros(len(COUNTS)), np.zeros(len(COUNTS))
    for part in range(PARTS):
        pool, test = np.flatnonzero(parts != part), np.flatnonzero(parts == part)
        order = way(photographs, pool, seed * PARTS + part)
        for row, count in enumerate(COUNTS):
            picked = order[:count]
            labels[row] += len(picked) / PARTS
            bad[row] += images.y_true[picked].sum() / PARTS
            for name, learner in LEARNERS.items():
                y_pred[name][row, test] = learner(photographs, picked, test)
    scores = {name: [f1(images.y_true, row) for row in rows] for name, rows in y_pred.items()}
    return {**scores, "labels": labels.tolist(), "bad": bad.tolist()}


def format_rows(way: str, runs: Sequence[dict[str, list[float]]]) -> list[list[str]]:
    """Return the rows of a way: F1 by learner, and how many labels it found."""
    values = {key: np.array([each[key] for each in runs]) for key in runs[0]}
    rows = []
    for name in LEARNERS:
        columns = values[name].T
        cells = [f"{c.mean():.3f} ({c.min():.3f}-{c.max():.3f})" for c in columns]
        rows.append([f"F1, {name}", way, *cells])
    labels, bad = values["labels"].mean(axis=0), values["bad"].mean(axis=0)
    rows.append(
        ["labels, Bad among them", way, *(f"{n:.0f}, {b:.0f}" for n, b in zip(labels, bad))]
    )
    return rows


def main() -> int:
    args = parse_args()
    if args.render:
        render(args.render)
        print(f"now: scratch-d2 evaluate --dataset {args.render} --output {args.render}_evaluation")
        return 0
    photographs = read_photographs(args.evaluation, args.gate, args.cache)
    y_true = photographs.images.y_true
    released = f1(y_true, photographs.margin >= 0)
    print(f"{len(y_true)} photographs, {y_true.sum()} Bad; F1 as released {released:.3f}\n")
    rows = []
    for way in args.ways:
        runs = [simulate(photographs, WAYS[way], seed) for seed in range(args.seeds)]
        rows += format_rows(way, runs)
    rows.sort(key=lambda row: row[0])
    print(format_table(rows, ["", "labels", *map(str, COUNTS)], markdown=True))
    return 0


if __name__ == "__main__":
    run(main)
