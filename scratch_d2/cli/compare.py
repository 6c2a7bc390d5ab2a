"""Print several evaluations side by side, as a Markdown table.

scratch-d2 compare evaluation run/detector/inference --output comparison.md

Each folder is one that `evaluate` or `train-detector --eval-only` wrote.
"""

from collections.abc import Sequence
from pathlib import Path

from scratch_d2.cli.common import command_parser


def main(argv: Sequence[str] | None = None) -> int:
    from scratch_d2.utils.files import write_atomically

    parser = command_parser("compare", __doc__)
    parser.add_argument("runs", nargs="+", metavar="FOLDER", help="folder with evaluation.json")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="Markdown file to write as well"
    )
    args = parser.parse_args(argv)

    from scratch_d2.evaluation.comparison import compare_runs

    table = compare_runs(args.runs)
    print(table, end="")
    if args.output:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        print(f"\nwritten: {write_atomically(table, args.output)}")
    return 0
