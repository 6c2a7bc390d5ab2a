"""Choose area threshold, gate skip and review band by a goal, on validation images.

    scratch-d2 calibrate --config-file FILE --goal recall=0.98 [--dataset NAME] [KEY VALUE ...]

Goals: f1 (highest F1 of Bad); recall=R (highest precision with at least this recall of Bad);
cost=C (a missed Bad costs as much as C false alarms); seed (the rule area > 500 px, measured).
Writes thresholds.json beside the weights, where prediction and evaluation take it from.

Exit codes: 0 written; 2 usage or config; 4 there was nothing to choose by, nothing is written.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
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

    from scratch_d2.calibration import calibrate, read_goal
    from scratch_d2.calibration.source import check_weights, evaluate_for, read_source
    from scratch_d2.calibration.table import format_calibration
    from scratch_d2.checkpoints.bundle import resolve_bundle
    from scratch_d2.config import load_config, override
    from scratch_d2.data.builtin import register_builtin
    from scratch_d2.engines import get_engine
    from scratch_d2.structures.thresholds import RULES, measures_alike
    from scratch_d2.utils.files import prepare_output_dir

    goal = read_goal(args.goal, args.review)
    cfg = load_config(args.config_file, args.opts)
    engine = get_engine(args.engine or cfg.SCRATCH.ENGINE)
    register_builtin(cfg)
    if args.dataset:
        cfg = override(cfg, {"DATASETS.TEST": (args.dataset,)})
    bundle = resolve_bundle(cfg, args.opts)
    before, hashes = bundle.thresholds, bundle.hash_weights()
    output = prepare_output_dir(args.output or bundle.detector.parent)

    source = read_source(args.inference or evaluate_for(goal, cfg, engine, bundle, output))
    check_weights(bundle, source)
    alike = measures_alike(before, source.thresholds)
    made = calibrate(source.images, before if alike else source.thresholds, goal, args.review)
    made = replace(made, warnings=source.warnings + made.warnings)
    others = {"before": before, **RULES}
    print(format_calibration(made, {n: (t, source.measure(t)) for n, t in others.items()}))
    for note in source.notes:
        print(f"note: {note}")
    if not made.chosen:
        return 4
    print(f"written: {made.thresholds.save(output, made.to_dict(**source.about(), **hashes))}")
    return 0
