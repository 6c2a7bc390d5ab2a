"""Measure what a gate that has seen rendered labels only is worth on real photographs.

    python benchmarks/synthetic_to_real.py --gate runs/gate/model_best.pth \\
        --choose-on runs/val --report-on /data/real --output runs/misses

The threshold on p(Bad) is the one with the highest F1 of Bad on the dataset `--choose-on`, which
should have the share of Bad that is expected in use; `--report-on` has no part in choosing it.
Every photograph judged wrongly there is named with its score and drawn on a contact sheet.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.metrics import precision_recall_curve

from scratch_d2.cli.common import run
from scratch_d2.data.catalog import find_dataset_dicts
from scratch_d2.data.contact_sheet import draw_sheets, write_sheets
from scratch_d2.data.images import read_image
from scratch_d2.gate import Gate
from scratch_d2.metrics.image_metrics import image_metrics
from scratch_d2.structures.dataset_dict import verdict_of
from scratch_d2.structures.labels import BAD
from scratch_d2.utils.tables import format_table

COLUMNS = ("AUC", "AP_bad", "precision_bad", "recall_bad", "F1_bad", "recall_bad_low")
BATCH = 64


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gate", required=True, metavar="FILE")
    parser.add_argument("--choose-on", required=True, metavar="NAME|FOLDER")
    parser.add_argument("--report-on", required=True, metavar="NAME|FOLDER")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR")
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def score(gate: Gate, dicts: list[dict]) -> tuple[np.ndarray, np.ndarray]:
    """Return p(Bad) [N] of each image and whether it is Bad [N]."""
    batches = [dicts[at : at + BATCH] for at in range(0, len(dicts), BATCH)]
    scores = [gate([read_image(item["file_name"]) for item in batch]) for batch in batches]
    return np.concatenate(scores), np.array([verdict_of(item) == BAD for item in dicts])


def best_threshold(scores: np.ndarray, y_true: np.ndarray) -> float:
    """Return the score from which on calling images Bad gives the highest F1 of Bad."""
    precision, recall, thresholds = precision_recall_curve(y_true, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return float(thresholds[f1[:-1].argmax()])


def main() -> int:
    args = parse_args()
    import scratch_d2.data.builtin  # noqa: F401, registers its names

    gate = Gate.load(args.gate, args.device)
    dicts = {name: find_dataset_dicts(name) for name in (args.choose_on, args.report_on)}
    scored = {name: score(gate, items) for name, items in dicts.items()}
    threshold = best_threshold(*scored[args.choose_on])
    print(f"threshold {threshold:.4f}, chosen on {args.choose_on}\n")
    rows = []
    for name, (scores, y_true) in scored.items():
        metrics = image_metrics(y_true, scores >= threshold, scores)
        rows.append([name, len(y_true), *(f"{metrics[column]:.3f}" for column in COLUMNS)])
    print(format_table(rows, ["dataset", "images", *COLUMNS], markdown=True))

    scores, y_true = scored[args.report_on]
    y_pred = scores >= threshold
    errors = {"false negatives": y_true & ~y_pred, "false positives": ~y_true & y_pred}
    for title, is_error in errors.items():
        for index in np.flatnonzero(is_error):
            name = Path(dicts[args.report_on][index]["file_name"]).name
            print(f"{title}: {name}, p(Bad) {scores[index]:.4f}")
    drawn = {
        title: [dicts[args.report_on][index] for index in np.flatnonzero(is_error)]
        for title, is_error in errors.items()
    }
    if any(drawn.values()):
        print(f"drawn: {write_sheets(draw_sheets(drawn, columns=2), args.output)[-1]}")
    return 0


if __name__ == "__main__":
    run(main)
