#!/usr/bin/env python3
"""Where a detector loses mask AP50: by kind of error, and by size of scratch.

    benchmarks/errors.py --dataset scratch_synth_test --results runs/evaluation/inference

Sorts all detections of an evaluation by what is wrong with them, and mends one kind at a time: what
AP50 gains says how much the kind costs. Kinds and mends are those of TIDE (Bolya et al., 2020,
arXiv:2008.08115) for one class: `misplaced` has an IoU of 0.1 to 0.5 with a scratch and becomes
right if nothing else finds it; `double` finds what is found already, `background` has an IoU
below 0.1, and both are taken away; `missed` are scratches that nothing comes near, no longer asked
for.

Last comes AP50 with scores multiplied by p(Bad), which clears what the gate clears before the
detector looks.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pycocotools import mask as coco_mask

import scratch_d2.data.builtin  # noqa: F401, registers its names
from scratch_d2.cli.common import run
from scratch_d2.data.catalog import find_dataset_dicts
from scratch_d2.evaluation.files import DETECTIONS
from scratch_d2.evaluation.images import ImageTable
from scratch_d2.evaluation.results_io import read_results
from scratch_d2.metrics.bootstrap import resample
from scratch_d2.metrics.coco_ap import precision_by_level
from scratch_d2.metrics.matching import IOU_THRESHOLDS, Matches, match_detections, true_masks
from scratch_d2.structures.masks import rle_areas
from scratch_d2.utils.tables import format_table

RIGHT, MISPLACED, DOUBLE, BACKGROUND = "right", "misplaced", "double", "background"
NEAR, FOUND = 0.1, 0.5
AREAS = (0, 60, 120, 300, 1000, np.inf)


@dataclass(frozen=True, eq=False)
class Sorted:
    """All detections of a dataset, best first.

    Attributes:
        kind: [D] str, what each is.
        scratch: [D] int, the scratch it finds or is nearest to, -1 without one.
        area: [K] px, of each true scratch.
    """

    kind: np.ndarray
    scratch: np.ndarray
    area: np.ndarray


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", required=True, metavar="NAME|FOLDER")
    parser.add_argument("--results", required=True, type=Path, metavar="FOLDER")
    return parser.parse_args()


def sort_out(dicts: list[dict], predictions: dict) -> Sorted:
    """Sort the detections of all images; what lies in a crowd counts as background here."""
    kinds, scratches, scores, areas = [], [], [], []
    for item in dicts:
        detections, truth = predictions[item["image_id"]], true_masks(item)
        truth = [m for m, a in zip(truth, item["annotations"]) if not a.get("iscrowd", 0)]
        kind = np.full(len(detections.scores), BACKGROUND, "<U10")
        scratch = np.full(len(kind), -1)
        if len(truth) and len(kind):
            nobody = np.zeros(len(truth), bool)
            overlap = coco_mask.iou(detections.masks, truth, nobody.astype(np.uint8).tolist())
            chosen = match_detections(overlap, nobody, nobody)[0]
            best = overlap.max(axis=1)
            kind[best >= NEAR], kind[best >= FOUND], kind[chosen >= 0] = MISPLACED, DOUBLE, RIGHT
            scratch = np.where(chosen >= 0, chosen, overlap.argmax(axis=1)) + len(areas)
        kinds.append(kind), scratches.append(scratch), scores.append(detections.scores)
        areas += rle_areas(truth).tolist()
    order = np.argsort(-np.concatenate(scores), kind="stable")
    return Sorted(np.concatenate(kinds)[order], np.concatenate(scratches)[order], np.array(areas))


def weigh_scores(predictions: Mapping, images: ImageTable) -> dict:
    """Return the predictions with their scores multiplied by p(Bad) of their images."""
    p_bad = dict(zip(images.image_id, np.float32(images.p_bad), strict=True))
    return {i: replace(p, scores=p.scores * p_bad[i]) for i, p in predictions.items()}


def is_reached(detections: Sorted, *kinds: str) -> np.ndarray:
    """Return [K] bool: whether a detection of these kinds finds a scratch or is nearest to it."""
    reached = np.zeros(len(detections.area), bool)
    reached[detections.scratch[np.isin(detections.kind, kinds)]] = True
    return reached


def ap50(tp: np.ndarray, num_gt: int) -> float:
    """Return AP50 in percent; `tp` says which detections, highest score first, are right."""
    levels = np.tile(tp, (len(IOU_THRESHOLDS), 1))
    matches = Matches(np.zeros(len(tp), int), levels, levels & False, np.array([num_gt]))
    return float(precision_by_level(matches, resample(range(1), replicates=0))[0, 0])


def mend(detections: Sorted) -> dict[str, tuple[int, float]]:
    """Return how many errors of each kind there are, and AP50 without them."""
    right, num_gt = detections.kind == RIGHT, len(detections.area)
    mended = {}
    for kind in (MISPLACED, DOUBLE, BACKGROUND):
        wrong = detections.kind == kind
        put_right = first_at_its_scratch(detections) if kind == MISPLACED else np.zeros_like(wrong)
        kept = ~wrong | put_right
        mended[kind] = int(wrong.sum()), ap50((right | put_right)[kept], num_gt)
    missed = int((~is_reached(detections, RIGHT, MISPLACED)).sum())
    mended["missed"] = missed, ap50(right, num_gt - missed)
    return mended


def first_at_its_scratch(detections: Sorted) -> np.ndarray:
    """Return [D] bool: the best misplaced detection at each scratch that nothing finds."""
    lost = ~is_reached(detections, RIGHT)
    misplaced = np.flatnonzero((detections.kind == MISPLACED) & lost[detections.scratch])
    first = np.zeros(len(detections.kind), bool)
    first[misplaced[np.unique(detections.scratch[misplaced], return_index=True)[1]]] = True
    return first


def print_tables(detections: Sorted) -> None:
    now = ap50(detections.kind == RIGHT, len(detections.area))
    print(
        f"AP50 {now:.1f}: {len(detections.kind)} detections of {len(detections.area)} scratches\n"
    )
    rows = [
        [kind, count, f"{mended:.1f}", f"{mended - now:+.1f}"]
        for kind, (count, mended) in mend(detections).items()
    ]
    print(format_table(rows, ["error", "how many", "AP50 without it", "gain"], markdown=True))
    rows = []
    right, near = is_reached(detections, RIGHT), is_reached(detections, RIGHT, MISPLACED)
    for low, high in zip(AREAS[:-1], AREAS[1:]):
        own = (detections.area >= low) & (detections.area < high)
        shares = right[own].mean(), (near & ~right)[own].mean(), (~near)[own].mean()
        title = f"{low} to {high} px" if np.isfinite(high) else f"{low} px and more"
        rows.append([title, own.sum(), *(f"{share:.0%}" for share in shares)])
    headers = ["scratches of", "how many", "detected", "misplaced only", "missed"]
    print("\n" + format_table(rows, headers, markdown=True))


def main() -> int:
    args = parse_args()
    dicts = find_dataset_dicts(args.dataset)
    saved = read_results(args.results / DETECTIONS, dicts)
    print_tables(sort_out(dicts, saved.predictions))
    images = ImageTable.load(args.results)
    if images.p_bad is not None:
        weighed = sort_out(dicts, weigh_scores(saved.predictions, images))
        value = ap50(weighed.kind == RIGHT, len(weighed.area))
        print(f"\nAP50 with scores times p(Bad): {value:.1f}")
    return 0


if __name__ == "__main__":
    run(main)
