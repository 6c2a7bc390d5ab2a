"""Join the results of predict --shard, or of --format parquet, into those of one run.

    scratch-d2 merge shards/* --output results
    scratch-d2 merge s3://bucket/results --output results

RESULTS are the folders that all shards of one run have written. Rows are sorted by image_id, one
per input; overlays and masks are linked, or copied to another disk. Shards that are missing, come
twice, or were made with other settings or of other inputs are refused, and nothing is written.
The results of one run in Parquet parts are taken from a folder or an address.

Exit codes: 0 done; 2 wrong usage, or shards that do not fit; 3 done, but some files were unreadable
(each has its row); 4 nothing was readable; 130 interrupted.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from scratch_d2.cli.common import command_parser


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("merge", __doc__)
    words = "results folders of all shards of one run, or one place with Parquet parts"
    parser.add_argument("results", nargs="+", metavar="RESULTS", help=words)
    parser.add_argument(
        "--output", required=True, type=Path, metavar="DIR", help="folder for the joined results"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the results in DIR")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)

    from scratch_d2.inspection.merging import merge_results
    from scratch_d2.inspection.merging_parts import holds_parts, merge_parts
    from scratch_d2.inspection.summary import exit_code, format_summary

    parts = [place for place in args.results if holds_parts(place)]
    if parts and len(args.results) > 1:
        raise ValueError(f"{parts[0]!r} holds Parquet parts of a whole run; give it alone")
    if parts:
        summary = merge_parts(parts[0], args.output, args.overwrite)
    else:
        summary = merge_results(args.results, args.output, args.overwrite)
    print(format_summary(summary))
    print(f"written: {args.output}")
    return exit_code(summary)
