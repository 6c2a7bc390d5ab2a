#!/usr/bin/env python3
"""Print several evaluations side by side, as a Markdown table.

tools/compare_runs.py output/detector output/other/inference [--output table.md]
"""

import argparse
from pathlib import Path

from scratch_d2.cli.common import run
from scratch_d2.utils.files import write_atomically


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", metavar="FOLDER", help="with evaluation.json in it")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the table there, too")
    args = parser.parse_args()

    from scratch_d2.evaluation.comparison import compare_runs

    table = compare_runs(args.runs)
    print(table, end="")
    if args.output:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        print(f"\nwritten: {write_atomically(table, args.output)}")
    return 0


if __name__ == "__main__":
    run(main)
