"""Inspect photographs: verdict, area and scratches of each, as JSON lines, CSV, COCO and pictures.

    scratch-d2 predict --input /data/new '/data/old/*.png' --output results
    scratch-d2 predict --watch /data/line --output results --resume

Without --config-file the reference models inspect. The input "-" reads names of files from the
standard input. A watch ends with Ctrl-C or SIGTERM.

Exit codes: 0 done; 2 usage or config; 3 done, but some files were unreadable (each has its row);
4 nothing was readable; 10 Bad found, only with --fail-on-bad (it overrides 3); 130 interrupted,
--resume completes the results.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from signal import SIGINT, SIGTERM

from scratch_d2.cli.common import (
    command_parser,
    interrupt,
    on_stop,
    split_keys,
    use_reference_models,
)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("predict", __doc__)
    parser.add_argument("--config-file", metavar="FILE", help="(the reference models)")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--input", nargs="+", metavar="FOLDER|FILE|GLOB|-")
    what.add_argument("--watch", metavar="FOLDER", help="inspect each file that comes in, once")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR")
    parser.add_argument("--engine", choices=["auto", "d2", "embedded"], help="SCRATCH.ENGINE")
    words = "pictures to save: overlays,masks of all images or of the bad ones, or none"
    parser.add_argument("--save", default="overlays,masks,bad", help=f"{words} (%(default)s)")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--workers", type=int, help="batches inspected at a time")
    parser.add_argument("--resume", action="store_true", help="complete the results in DIR")
    parser.add_argument("--overwrite", action="store_true", help="replace the results in DIR")
    parser.add_argument("--fail-on-bad", action="store_true", help="exit 10 where Bad was found")
    parser.add_argument("opts", nargs=argparse.REMAINDER, help="KEY VALUE pairs over the config")
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
    source = Watch(args.watch) if args.watch else find_files(args.input, sys.stdin)
    config_file, opts = use_reference_models(args.config_file, args.opts)
    cfg = load_config(config_file, opts)
    engine = get_engine(args.engine or cfg.SCRATCH.ENGINE)
    workers = pick_workers(cfg.MODEL.DEVICE) if args.workers is None else args.workers
    options = Options(args.batch_size, workers, pictures, args.resume, args.overwrite)
    inspector = Inspector.from_config(cfg, engine, opts)
    if args.watch:
        on_stop(source.stop.set, SIGINT, SIGTERM)
        summary, stopwatch = predict_watched(inspector, source, args.output, options)
    else:
        total = count_files(args.input) if sys.stderr.isatty() else None
        summary, stopwatch = predict_files(inspector, source, args.output, options, total)
    print(format_summary(summary, stopwatch))
    print(f"written: {args.output}")
    return exit_code(summary, args.fail_on_bad)
