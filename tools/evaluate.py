#!/usr/bin/env python3
"""Evaluate results of a former run: figures with intervals, and a report to look at.

    tools/evaluate.py --dataset scratch_text_test --results results --output evaluation
    tools/evaluate.py --dataset /data/labels --results coco_instances_results.json --output ...

Results are the output folder of tools/predict.py, or COCO results with masks of any program. A
dataset is a registered name or a folder with good/, bad/ and masks/.
"""

import argparse
from pathlib import Path

from scratch_d2.cli.common import run
from scratch_d2.config import load_config


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", required=True, metavar="NAME|FOLDER")
    parser.add_argument("--results", required=True, type=Path, metavar="DIR|FILE")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR")
    parser.add_argument("--config-file", metavar="FILE", help="thresholds and DATASETS.TRAIN")
    parser.add_argument(
        "--allow-missing", action="store_true", help="leave out images that have no result"
    )
    parser.add_argument("opts", nargs=argparse.REMAINDER, help="KEY VALUE pairs over the config")
    return parser.parse_args()


def main() -> int:
    from scratch_d2.data.builtin import register_builtin
    from scratch_d2.evaluation.offline import RunRecord, evaluate_results, offline_settings
    from scratch_d2.evaluation.table import format_evaluation
    from scratch_d2.report import write_report_of

    args = parse_args()
    cfg = load_config(args.config_file, args.opts)
    register_builtin(cfg)
    settings = offline_settings(cfg, RunRecord.read(args.results), args.opts)
    mask_threshold = cfg.SCRATCH.MASK_THRESHOLD
    evaluate_results(
        args.dataset,
        args.results,
        args.output,
        settings,
        mask_threshold,
        args.allow_missing,
    )
    print(format_evaluation(args.output))
    print(f"\nwritten: {write_report_of(args.output, args.dataset, mask_threshold)}")
    return 0


if __name__ == "__main__":
    run(main)
