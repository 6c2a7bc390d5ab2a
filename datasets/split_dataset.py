#!/usr/bin/env python3
"""Freeze the split of a folder of good/ and bad/ in a splits.json, and show what is in it.

    datasets/split_dataset.py --root /data/labels --folds 5

Photographs of one label stay together: bursts by the time in their names, joined where they hold
near-duplicates. From then on every registration of the folder uses the file as it is.
"""

import argparse
import sys

from scratch_d2.cli.common import run
from scratch_d2.data import scan_folder
from scratch_d2.data.split import SplitSettings, draw_splits
from scratch_d2.data.splits_file import count_joined, describe_splits, freeze_splits


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    usual = SplitSettings()
    parser.add_argument("--root", required=True, metavar="FOLDER")
    parser.add_argument("--seed", type=int, default=usual.seed, help="of the draw")
    parser.add_argument(
        "--burst-gap",
        type=float,
        default=usual.burst_gap,
        metavar="SECONDS",
        help=f"photographs at most so far apart are one group (default: {usual.burst_gap:g})",
    )
    parser.add_argument(
        "--duplicate-distance",
        type=int,
        default=usual.duplicate_distance,
        metavar="BITS",
        help="so are those whose perceptual hashes differ in at most so many bits; -1 compares "
        f"none (default: {usual.duplicate_distance})",
    )
    parser.add_argument("--folds", type=int, default=usual.folds, help="0, or 3 and more")
    parser.add_argument("--output", metavar="FILE", help="default: FOLDER/splits.json")
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    settings = SplitSettings(args.seed, args.burst_gap, args.duplicate_distance, args.folds)
    records, report = scan_folder(
        args.root, burst_gap=args.burst_gap, duplicate_distance=args.duplicate_distance
    )
    for line in report.lines():
        print(line, file=sys.stderr)
    splits = draw_splits(records, settings)
    path = freeze_splits(splits, args.root, settings, args.output)
    print(describe_splits(splits))
    joined = count_joined(records, settings.burst_gap)
    print(f"\nbursts joined to others by near-duplicates: {joined}\nwritten: {path}")
    return 0


if __name__ == "__main__":
    run(main)
