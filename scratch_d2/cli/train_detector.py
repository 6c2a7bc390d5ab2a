r"""Train the detector, or evaluate it.

    scratch-d2 train-detector --config-file reference/pretrained.yaml SCRATCH.DATA_ROOT labels
    scratch-d2 train-detector --config-file run/detector/config.yaml --eval-only \
        GATE.WEIGHTS run/gate/model_best.pth

Trains on DATASETS.TRAIN, evaluates on DATASETS.TEST, writes OUTPUT_DIR.
"""

import argparse
from collections.abc import Sequence

from scratch_d2.cli.auto_settings import add_auto_settings, auto_settings
from scratch_d2.cli.common import (
    add_config,
    add_engine,
    add_pairs,
    command_parser,
    saying_how_to_resume,
)
from scratch_d2.cli.evaluation import evaluate_models


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("train-detector", __doc__)
    add_config(parser)
    add_engine(parser)
    parser.add_argument("--resume", action="store_true", help="resume from the last checkpoint")
    parser.add_argument("--eval-only", action="store_true", help="train nothing, evaluate")
    parser.add_argument("--num-gpus", type=int, default=1, help="GPUs per machine (1)")
    parser.add_argument("--num-machines", type=int, default=1, help="machines (1)")
    parser.add_argument("--machine-rank", type=int, default=0, help="number of this machine (0)")
    parser.add_argument(
        "--dist-url", default="auto", help="tcp://HOST:PORT for several machines (auto)"
    )
    add_auto_settings(parser)
    add_pairs(parser)
    args = parser.parse_args(argv)
    if args.auto_settings and args.eval_only:
        parser.error("--auto-settings is for training; with --eval-only leave it out")
    return args


def train_or_evaluate(args: argparse.Namespace) -> int:
    """Run in each process that the engine launches."""
    from scratch_d2.checkpoints.bundle import resolve_bundle
    from scratch_d2.data.builtin import open_config
    from scratch_d2.engines import get_engine

    cfg = open_config(args.config_file, args.opts)
    engine = get_engine(args.engine or cfg.SCRATCH.ENGINE)
    if not args.eval_only:
        with saying_how_to_resume(cfg.OUTPUT_DIR):
            print(f"trained: {engine.train(cfg, resume=args.resume)}")
        return 0
    if not cfg.DATASETS.TEST:
        raise ValueError("DATASETS.TEST is empty; --eval-only needs the name of a dataset")
    evaluate_models(cfg, engine, resolve_bundle(cfg, args.opts))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    if args.auto_settings:  # once, before the engine starts its processes
        args.opts = [*args.opts, *auto_settings(args)]

    from scratch_d2.config import load_config
    from scratch_d2.engines import get_engine

    engine = get_engine(args.engine or load_config(args.config_file, args.opts).SCRATCH.ENGINE)
    engine.launch(train_or_evaluate, args)
    return 0
