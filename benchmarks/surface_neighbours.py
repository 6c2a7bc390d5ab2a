#!/usr/bin/env python3
"""What a random split promises on a surface: nearest neighbours, which learn nothing.

    benchmarks/surface_neighbours.py FOLDER

FOLDER is one of benchmarks/surfaces.py, and so are the folds. A photograph is as Bad as its most
similar photograph of the other folds is nearer among Bad ones than among Good ones, and its mask is
that of the most similar one, if that is Bad. Photographs are compared as thumbnails of 32 x 32 px
without their mean and contrast.
"""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from surface_metrics import cell, f1_iou
from surfaces import SPLITS, deal_kinds

from scratch_d2.cli.common import run
from scratch_d2.data.catalog import find_dataset_dicts
from scratch_d2.data.images import read_image
from scratch_d2.data.records import scan_folder
from scratch_d2.metrics.image_metrics import image_metrics
from scratch_d2.structures.dataset_dict import mask_of
from scratch_d2.utils.opencv import cv2
from scratch_d2.utils.tables import format_table

SIDE = 32


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", metavar="FOLDER")
    folder = parser.parse_args().folder
    records, _ = scan_folder(folder)
    dicts = find_dataset_dicts(folder)
    y_true = np.array([record.verdict == "bad" for record in records])
    seen = np.stack([thumbnail(str(record.image)) for record in records])
    alike = seen @ seen.T
    rows = []
    for split in SPLITS:
        groups = [str(r.image) if split == "random" else r.group for r in records]
        parts = deal_kinds(records, groups)
        similarity = np.where(parts[:, None] == parts, -np.inf, alike)
        nearest = similarity.argmax(axis=1)
        score = similarity[:, y_true].max(axis=1) - similarity[:, ~y_true].max(axis=1)
        called = y_true[nearest]
        metrics = image_metrics(y_true, called, score, [r.group for r in records])
        f1, iou = f1_iou(copy_masks(dicts, nearest).sum(axis=0)[None])
        same = np.mean([records[i].group == records[n].group for i, n in enumerate(nearest)])
        cells = [cell(metrics, name, 3) for name in ("AUC", "F1_bad")]
        rows.append([split, f"{same:.0%}", *cells, f"{f1[0]:.3f}", f"{iou[0]:.3f}"])
    names = ["split", "neighbour shows the same place", "ROC AUC", "F1 (Bad)", "pixel F1"]
    print(format_table(rows, [*names, "pixel IoU"], markdown=True))
    return 0


def thumbnail(file: str) -> np.ndarray:
    """Return a photograph as [SIDE * SIDE] float32 of mean 0 and length 1."""
    grey = cv2.cvtColor(read_image(file), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    small -= small.mean()
    return small / max(float(np.linalg.norm(small)), 1e-6)


def copy_masks(dicts: Sequence[Mapping[str, Any]], nearest: np.ndarray) -> np.ndarray:
    """Return true positive, predicted and true pixels of each image with its neighbour's mask."""
    counts = np.zeros((len(dicts), 3))
    for row, item, index in zip(counts, dicts, nearest):
        true, size = mask_of(item), (item["width"], item["height"])
        copied = cv2.resize(mask_of(dicts[index]).astype(np.uint8), size) > 0
        row[:] = (true & copied).sum(), copied.sum(), true.sum()
    return counts


if __name__ == "__main__":
    run(main)
