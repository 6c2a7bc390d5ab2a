"""Print statistics of datasets beside those of 5,180 real photographs, as a Markdown table.

    scratch-d2 describe labels --output table.md

What is known of the real photographs is marked ok or off, with the deviation. A dataset is a
registered name or a folder with good/, bad/ and masks/.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from scratch_d2.cli.common import command_parser

FORMATS = (".md", ".json")


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("describe", __doc__)
    parser.add_argument("datasets", nargs="+", metavar="NAME|FOLDER", help="to describe")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="table.md or table.json to write as well"
    )
    args = parser.parse_args(argv)
    if args.output and args.output.suffix not in FORMATS:
        parser.error(f"--output is {args.output}; accepted are names in {' or '.join(FORMATS)}")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    import scratch_d2.data.builtin  # noqa: F401, registers its names; slow with Detectron2
    from scratch_d2.data.catalog import find_dataset_dicts
    from scratch_d2.data.statistics import FORMATS, measure_dataset, to_markdown
    from scratch_d2.utils.files import write_atomically

    datasets = {name: find_dataset_dicts(name) for name in args.datasets}
    statistics = {name: measure_dataset(dicts, progress=True) for name, dicts in datasets.items()}
    print(to_markdown(statistics), end="")
    if args.output:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        print(
            f"\nwritten: {write_atomically(FORMATS[args.output.suffix](statistics), args.output)}"
        )
    return 0
