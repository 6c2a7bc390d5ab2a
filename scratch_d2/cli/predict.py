r"""Judge photographs Good or Bad and find their scratches.

    scratch-d2 predict --input labels --output results
    scratch-d2 predict --watch /data/line --output results --resume
    scratch-d2 predict --config-file run/detector/config.yaml --input /data/new '/data/old/*.png' \
        --output results GATE.WEIGHTS run/gate/model_best.pth

Writes results.jsonl, results.csv, coco_instances_results.json, summary.json, overlays/ and masks/.
A run with --watch ends with Ctrl-C or SIGTERM.

Exit codes: 0 done; 2 wrong usage or config; 3 done, but some files were unreadable (each has its
row); 4 nothing was readable; 10 Bad found, only with --fail-on-bad (it overrides 3);
130 interrupted, --resume completes the results.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from signal import SIGINT, SIGTERM

from scratch_d2.cli.common import (
    add_config,
    add_engine,
    add_pairs,
    command_parser,
    interrupt,
    on_stop,
    split_keys,
    use_reference_models,
)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("predict", __doc__)
    add_config(parser, "the reference models")
    what = parser.add_mutually_exclusive_group(required=True)
    words = 'what to inspect; "-" reads file names from standard input'
    what.add_argument("--input", nargs="+", metavar="FOLDER|FILE|GLOB|-", help=words)
    what.add_argument("--watch", metavar="FOLDER", help="inspect each file that appears, once")
    parser.add_argument(
        "--output", required=True, type=Path, metavar="DIR", help="folder for the results"
    )
    add_engine(parser)
    words = "pictures to save: overlays, masks or both, of bad images or of all, or none"
    parser.add_argument("--save", default="overlays,masks,bad", help=f"{words} (%(default)s)")
    parser.add_argument("--batch-size", type=int, default=8, help="images per batch (8)")
    parser.add_argument(
        "--workers", type=int, help="batches inspected at once (as the device allows)"
    )
    parser.add_argument("--resume", action="store_true", help="complete the results in DIR")
    parser.add_argument("--overwrite", action="store_true", help="replace the results in DIR")
    parser.add_argument(
        "--fail-on-bad", action="store_true", help="exit with 10 if any image is Bad"
    )
    add_pairs(parser)
    args = parser.parse_args(argv)
    args.input, keys = split_keys(args.input or [])
    args.opts = keys + args.opts
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)

    from scratch_d2.config import load_config
    from scratch_d2.engines import get_engine
    from scratch_d2.inspection.inputs import count_files, find_files
    from scratch_d2.inspection.inspector import Inspector
    from scratch_d2.inspection.pictures import Pictures
    from scratch_d2.inspection.predict import Options, predict_files, predict_watched
    from scratch_d2.inspection.processors import pick_workers
    from scratch_d2.inspection.summary import exit_code, format_summary
    from scratch_d2.inspection.watch import Watch

    pictures = Pictures.parse(args.save)
    on_stop(interrupt, SIGTERM)
    watch = Watch(args.watch) if args.watch else None
    files = find_files(args.input, sys.stdin) if watch is None else iter(())
    config_file, opts = use_reference_models(args.config_file, args.opts)
    cfg = load_config(config_file, opts)
    cfg.freeze()
    engine = get_engine(args.engine or cfg.SCRATCH.ENGINE)
    workers = pick_workers(cfg.MODEL.DEVICE) if args.workers is None else args.workers
    options = Options(args.batch_size, workers, pictures, args.resume, args.overwrite)
    inspector = Inspector.from_config(cfg, engine, opts)
    if watch is not None:
        on_stop(watch.stop.set, SIGINT, SIGTERM)
        summary, stopwatch = predict_watched(inspector, watch, args.output, options)
    else:
        total = count_files(args.input) if sys.stderr.isatty() else None
        summary, stopwatch = predict_files(inspector, files, args.output, options, total)
    print(format_summary(summary, stopwatch))
    print(f"written: {args.output}")
    return exit_code(summary, args.fail_on_bad)
