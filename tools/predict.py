#!/usr/bin/env python3
"""Inspect photographs: verdict, area and scratches of each, as JSON lines, CSV, COCO and pictures.

    tools/predict.py --config-file FILE --input FOLDER|FILE|GLOB... --output DIR [KEY VALUE ...]

Exit codes: 0 done; 2 usage or config; 3 done, but some files were unreadable (each has its row);
4 nothing was readable; 10 Bad found, only with --fail-on-bad (it goes before 3).
"""

import argparse
from pathlib import Path

from scratch_d2.cli import run, split_keys
from scratch_d2.config import load_config
from scratch_d2.engines import get_engine


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config-file", required=True, metavar="FILE")
    parser.add_argument("--input", required=True, nargs="+", metavar="FOLDER|FILE|GLOB")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR")
    parser.add_argument("--engine", choices=["auto", "d2", "embedded"], help="SCRATCH.ENGINE")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--resume", action="store_true", help="complete the results in DIR")
    parser.add_argument("--overwrite", action="store_true", help="replace the results in DIR")
    parser.add_argument("--fail-on-bad", action="store_true", help="exit 10 where Bad was found")
    parser.add_argument("opts", nargs=argparse.REMAINDER, help="KEY VALUE pairs over the config")
    args = parser.parse_args()
    args.input, keys = split_keys(args.input)
    args.opts = keys + args.opts
    if args.batch_size < 1:
        parser.error(f"--batch-size is {args.batch_size}; accepted is 1 or more")
    return args


def main() -> int:
    from scratch_d2.inspection.inputs import find_images
    from scratch_d2.inspection.predict import predict_folder

    args = parse_args()
    files = find_images(args.input)
    cfg = load_config(args.config_file, args.opts)
    engine = get_engine(args.engine or cfg.SCRATCH.ENGINE)
    summary = predict_folder(
        cfg, engine, files, args.output, args.opts, args.batch_size, args.resume, args.overwrite
    )
    verdicts, unreadable = summary["verdicts"], summary["unreadable"]
    counts = ", ".join(f"{count} {label}" for label, count in verdicts.items())
    print(f"{summary['images']} images: {counts}, {len(unreadable)} unreadable")
    for entry in unreadable:
        print(f"unreadable: {entry['error']}")
    print(f"written: {args.output}")
    if not sum(verdicts.values()):
        return 4
    if args.fail_on_bad and verdicts["bad"]:
        return 10
    return 3 if unreadable else 0


if __name__ == "__main__":
    run(main)
