"""Train the gate, the classifier that lets images below its threshold skip the detector.

    scratch-d2 train-gate --config-file reference/pretrained.yaml SCRATCH.DATA_ROOT labels

Trains on DATASETS.TRAIN, validates on DATASETS.TEST, writes GATE.OUTPUT_DIR.
"""

import argparse
from collections.abc import Sequence

from scratch_d2.cli.auto_settings import add_auto_settings, auto_settings
from scratch_d2.cli.common import (
    add_config,
    add_pairs,
    command_parser,
    saying_how_to_resume,
)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("train-gate", __doc__)
    add_config(parser)
    parser.add_argument("--resume", action="store_true", help="resume after the last whole epoch")
    add_auto_settings(parser)
    add_pairs(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)

    from scratch_d2.data.builtin import open_config
    from scratch_d2.gate import Gate
    from scratch_d2.gate.train import format_scalars, train_gate

    opts = [*args.opts, *auto_settings(args)] if args.auto_settings else args.opts
    cfg = open_config(args.config_file, opts)
    with saying_how_to_resume(cfg.GATE.OUTPUT_DIR):
        weights = train_gate(cfg, args.resume)
    figures = Gate.load(weights).info["validation"]
    print(f"validation: {format_scalars(figures) or 'none, DATASETS.TEST holds no image'}")
    print(f"trained: {weights}")
    return 0
