"""Freeze the split of a folder into train, val and test in a splits.json.

    scratch-d2 split --root labels --folds 5

Photographs of one label stay together: bursts by the time in their names, and near-duplicates.
Every registration of the folder uses the file from then on.
"""

import argparse
import sys
from collections.abc import Sequence

from scratch_d2.cli.common import command_parser


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("split", __doc__)
    parser.add_argument("--root", required=True, metavar="FOLDER", help="with good/ and bad/")
    parser.add_argument("--seed", type=int, default=0, help="of the draw (0)")
    parser.add_argument(
        "--burst-gap",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="images at most so far apart are one group (30)",
    )
    parser.add_argument(
        "--duplicate-distance",
        type=int,
        default=12,
        metavar="BITS",
        help="and those whose perceptual hashes differ in at most so many bits; -1: none (12)",
    )
    parser.add_argument(
        "--folds", type=int, default=0, help="number of folds: 0, or 3 and more (0)"
    )
    parser.add_argument("--output", metavar="FILE", help="file to write (FOLDER/splits.json)")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    from scratch_d2.data import scan_folder
    from scratch_d2.data.split import SplitSettings, draw_splits
    from scratch_d2.data.splits_file import count_joined, format_splits, save_splits

    settings = SplitSettings(args.seed, args.burst_gap, args.duplicate_distance, args.folds)
    records, report = scan_folder(
        args.root, burst_gap=args.burst_gap, duplicate_distance=args.duplicate_distance
    )
    for line in report.all_lines():
        print(line, file=sys.stderr)
    splits = draw_splits(records, settings)
    path = save_splits(splits, args.root, settings, args.output)
    print(format_splits(splits))
    joined = count_joined(records, settings.burst_gap)
    print(f"\nbursts joined to others by near-duplicates: {joined}\nwritten: {path}")
    return 0
