"""Choose area threshold, gate skip and review band by a goal, on validation images.

    scratch-d2 calibrate --config-file FILE --goal recall=0.98 [--dataset NAME] [KEY VALUE ...]

Goals: f1 (highest F1 of Bad); recall=R (highest precision with at least this recall of Bad);
cost=C (a missed Bad costs as much as C false alarms); seed (the rule area > 500 px, measured).
Writes thresholds.json beside the weights, where prediction and evaluation take it from.

Exit codes: 0 written; 2 usage or config; 4 there was nothing to choose by, nothing is written.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from scratch_d2.cli.common import command_parser


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("calibrate", __doc__)
    parser.add_argument("--config-file", required=True, metavar="FILE")
    parser.add_argument("--dataset", metavar="NAME", help="DATASETS.TEST by default")
    parser.add_argument("--goal", default="f1", help="f1, recall=R, cost=C or seed")
    parser.add_argument("--review", type=float, default=0.0, metavar="SHARE", help="0..1, at most")
    parser.add_argument("--inference", type=Path, metavar="DIR", help="an evaluation made before")
    parser.add_argument("--output", type=Path, metavar="DIR", help="instead of beside the weights")
    parser.add_argument("--engine", choices=["auto", "d2", "embedded"], help="SCRATCH.ENGINE")
    parser.add_argument("opts", nargs=argparse.REMAINDER, help="KEY VALUE pairs over the config")
    args = parser.parse_args(argv)
    if args.inference and args.dataset:
        parser.error("--dataset and --inference exclude each other: an evaluation has its dataset")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)

    from scratch_d2.calibration.run import run_calibration
    from scratch_d2.calibration.table import format_calibration
    from scratch_d2.config import load_config, override
    from scratch_d2.data.builtin import register_builtin
    from scratch_d2.engines import get_engine

    cfg = load_config(args.config_file, args.opts)
    engine = get_engine(args.engine or cfg.SCRATCH.ENGINE)
    register_builtin(cfg)
    if args.dataset:
        cfg = override(cfg, {"DATASETS.TEST": (args.dataset,)})
    options = (args.goal, args.review, args.inference, args.output, args.opts)
    run = run_calibration(cfg, engine, *options)
    print(format_calibration(run.calibration, run.compare()))
    for note in run.source.notes:
        print(f"note: {note}")
    written = run.save()
    if written is None:
        return 4
    print(f"written: {written}")
    return 0
