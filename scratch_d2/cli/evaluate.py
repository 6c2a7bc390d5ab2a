"""Evaluate models, or the results of an earlier run: metrics with intervals, plots, a report.

    scratch-d2 evaluate --dataset labels --results results --output evaluation
    scratch-d2 evaluate --dataset labels --output evaluation

The first command evaluates the results of `scratch-d2 predict`, or a file of COCO results with
masks of any program. The second runs the models on the dataset and evaluates them. A dataset is a
registered name or a folder with good/, bad/ and masks/.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from scratch_d2.cli.common import (
    add_config,
    add_engine,
    add_pairs,
    command_parser,
    use_reference_models,
)
from scratch_d2.cli.evaluation import evaluate_models, print_evaluation


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("evaluate", __doc__)
    parser.add_argument("--dataset", required=True, metavar="NAME|FOLDER", help="labelled images")
    parser.add_argument(
        "--results", type=Path, metavar="DIR|FILE", help="of an earlier run (the models run now)"
    )
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder to write")
    add_config(parser, "the reference models; with --results, what the run says")
    add_engine(parser)
    parser.add_argument(
        "--allow-missing", action="store_true", help="leave out images that have no result"
    )
    add_pairs(parser)
    args = parser.parse_args(argv)
    if args.allow_missing and not args.results:
        parser.error("--allow-missing needs --results: models give each image a result")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    if args.results:
        evaluate_saved(args)
    else:
        evaluate_here(args)
    return 0


def evaluate_saved(args: argparse.Namespace) -> None:
    """Evaluate what an earlier run wrote."""
    from scratch_d2.data.builtin import open_config, register_folder
    from scratch_d2.evaluation.offline import evaluate_results, offline_settings
    from scratch_d2.structures.run_record import RunRecord

    cfg = open_config(args.config_file, args.opts)
    settings = offline_settings(cfg, RunRecord.read(args.results), args.opts)
    register_folder(cfg, args.dataset)
    evaluate_results(args.dataset, args.results, args.output, settings, args.allow_missing)
    print_evaluation(args.output, args.dataset)


def evaluate_here(args: argparse.Namespace) -> None:
    """Let the models of the config judge the dataset, and evaluate them."""
    from scratch_d2.checkpoints.bundle import resolve_bundle
    from scratch_d2.config import override
    from scratch_d2.data.builtin import open_config, register_folder
    from scratch_d2.engines import get_engine

    config_file, opts = use_reference_models(args.config_file, args.opts)
    cfg = open_config(config_file, opts)
    engine = get_engine(args.engine or cfg.SCRATCH.ENGINE)
    register_folder(cfg, args.dataset)
    bundle = resolve_bundle(cfg, opts)
    places = {"DATASETS.TEST": (args.dataset,), "OUTPUT_DIR": str(args.output)}
    evaluate_models(override(cfg, places), engine, bundle)
