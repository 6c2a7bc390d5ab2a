"""Evaluate results of a former run: figures with intervals, and a report to look at.

    scratch-d2 evaluate --dataset scratch_text_test --results results --output evaluation
    scratch-d2 evaluate --dataset /data/labels --results coco_instances_results.json --output ...

Results are the output folder of tools/predict.py, or COCO results with masks of any program. A
dataset is a registered name or a folder with good/, bad/ and masks/.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from scratch_d2.cli.common import command_parser


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("evaluate", __doc__)
    parser.add_argument("--dataset", required=True, metavar="NAME|FOLDER")
    parser.add_argument("--results", required=True, type=Path, metavar="DIR|FILE")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR")
    parser.add_argument("--config-file", metavar="FILE", help="thresholds and DATASETS.TRAIN")
    parser.add_argument(
        "--allow-missing", action="store_true", help="leave out images that have no result"
    )
    parser.add_argument("opts", nargs=argparse.REMAINDER, help="KEY VALUE pairs over the config")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)

    from scratch_d2.config import load_config
    from scratch_d2.data.builtin import register_builtin
    from scratch_d2.evaluation.offline import RunRecord, evaluate_results, offline_settings
    from scratch_d2.evaluation.table import format_evaluation
    from scratch_d2.report import write_report_of

    cfg = load_config(args.config_file, args.opts)
    register_builtin(cfg)
    settings = offline_settings(cfg, RunRecord.read(args.results), args.opts)
    mask_threshold = cfg.SCRATCH.MASK_THRESHOLD
    evaluate_results(
        args.dataset, args.results, args.output, settings, mask_threshold, args.allow_missing
    )
    print(format_evaluation(args.output))
    print(f"\nwritten: {write_report_of(args.output, args.dataset, mask_threshold)}")
    return 0
