"""Confirm or correct the verdicts of a prediction run, by one key per photograph.

    scratch-d2 review results
    scratch-d2 review results --count 50 --port 9000

RESULTS is the output folder of scratch-d2 predict. The command serves a page on 127.0.0.1 until
Ctrl-C. Doubtful photographs come first. Every answer is saved at once in RESULTS/reviews.jsonl, and
the next start continues after the last one.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from scratch_d2.cli.common import command_parser


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("review", __doc__)
    parser.add_argument(
        "results", type=Path, metavar="RESULTS", help="folder of scratch-d2 predict"
    )
    parser.add_argument("--count", type=int, help="only so many of the most doubtful (all)")
    parser.add_argument("--port", type=int, default=8765, help="of 127.0.0.1; 0 is any (8765)")
    args = parser.parse_args(argv)
    if args.count is not None and args.count < 1:
        parser.error(f"argument --count: {args.count} photographs; accepted is 1 or more")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)

    from scratch_d2.formats.review_file import REVIEWS
    from scratch_d2.review.server import serve_review

    print(serve_review(args.results, args.port, args.count))
    print(f"saved: {args.results / REVIEWS}")
    return 0
