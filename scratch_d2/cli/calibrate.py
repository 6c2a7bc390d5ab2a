r"""Choose thresholds for gate and area rule by a goal, on validation images.

    scratch-d2 calibrate --config-file run/detector/config.yaml --dataset scratch_text_val \
        --goal cost=10 GATE.WEIGHTS run/gate/model_best.pth

Goals: f1 (highest F1 of Bad); recall=R (highest precision with at least this recall of Bad);
cost=C (a missed Bad costs as much as C false positives); seed (the rule area > 500 px, measured).
Writes thresholds.json beside the detector's weights, where `predict` and `evaluate` read it.
Thresholds that were calibrated on other images are kept unless new ones are better on images that
they were not chosen on.

Exit codes: 0 written; 2 wrong usage or config; 4 there was nothing to choose by, nothing is
written.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from scratch_d2.cli.common import (
    add_config,
    add_engine,
    add_pairs,
    command_parser,
)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("calibrate", __doc__)
    add_config(parser)
    parser.add_argument(
        "--dataset",
        metavar="NAME|FOLDER",
        help="validation images, or their folder (DATASETS.TEST)",
    )
    parser.add_argument("--goal", default="f1", help="f1, recall=R, cost=C or seed (f1)")
    words = "share of images that may go to review, 0..1 (0)"
    parser.add_argument("--review", type=float, default=0.0, metavar="SHARE", help=words)
    parser.add_argument(
        "--inference", type=Path, metavar="DIR", help="folder of an evaluation to use"
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="folder for thresholds.json (beside the weights)"
    )
    former = parser.add_mutually_exclusive_group()
    former.add_argument(
        "--former",
        type=Path,
        metavar="FILE",
        help="thresholds.json to keep if new ones are no better (beside the weights)",
    )
    former.add_argument("--anew", action="store_true", help="choose new thresholds in any case")
    add_engine(parser)
    add_pairs(parser)
    args = parser.parse_args(argv)
    if args.inference and args.dataset:
        parser.error("--dataset and --inference exclude each other: an evaluation has its dataset")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)

    from scratch_d2.calibration.run import run_calibration
    from scratch_d2.calibration.table import format_calibration
    from scratch_d2.config import override
    from scratch_d2.data.builtin import open_config, register_folder
    from scratch_d2.engines import get_engine

    cfg = open_config(args.config_file, args.opts)
    engine = get_engine(args.engine or cfg.SCRATCH.ENGINE)
    if args.dataset:
        register_folder(cfg, args.dataset)
        cfg = override(cfg, {"DATASETS.TEST": (args.dataset,)})
    options = (args.goal, args.review, args.inference, args.output, args.opts)
    run = run_calibration(cfg, engine, *options, former=args.former, anew=args.anew)
    print(format_calibration(run.calibration, run.compare()))
    for note in run.source.notes:
        print(f"note: {note}")
    written = run.save()
    if written is None:
        return 4
    print(f"written: {written}")
    return 0
