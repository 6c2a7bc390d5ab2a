r"""Draw contact sheets: photographs with verdicts and masks, datasets side by side.

    scratch-d2 browse --datasets labels --output sheets --count 12
    scratch-d2 browse --datasets scratch_text_train scratch_synth_train --output sheets \
        --verdict bad SCRATCH.DATA_ROOT /data/labels

A dataset is a registered name or a folder with good/, bad/ and masks/.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from scratch_d2.cli.common import (
    add_pairs,
    command_parser,
    split_keys,
)

VERDICTS = ("all", "good", "bad")


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("browse", __doc__)
    parser.add_argument(
        "--datasets", required=True, nargs="+", metavar="NAME|FOLDER", help="to draw"
    )
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder to write")
    parser.add_argument("--verdict", choices=VERDICTS, default="all", help="which images (all)")
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--count", type=int, default=24, help="images of each dataset (24)")
    amount.add_argument("--all", action="store_true", help="all images")
    parser.add_argument("--seed", type=int, default=0, help="which images are drawn (0)")
    parser.add_argument("--columns", type=int, help="per dataset (4 in all)")
    parser.add_argument("--rows", type=int, default=6, help="per page (6)")
    parser.add_argument("--size", type=int, default=330, help="longest side of an image, px (330)")
    add_pairs(parser)
    args = parser.parse_args(argv)
    args.datasets, keys = split_keys(args.datasets)
    args.opts = keys + args.opts
    if not args.datasets:
        parser.error("--datasets needs a name or a folder")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)

    from scratch_d2.data.builtin import open_config
    from scratch_d2.data.catalog import find_dataset_dicts
    from scratch_d2.data.contact_sheet import choose, draw_sheets, write_sheets

    cfg = open_config(None, args.opts)
    datasets = {n: find_dataset_dicts(n, cfg.SCRATCH.MASK_THRESHOLD) for n in args.datasets}
    count = None if args.all else args.count
    chosen = {n: choose(dicts, args.verdict, count, args.seed) for n, dicts in datasets.items()}
    columns = args.columns if args.columns is not None else max(1, 4 // len(chosen))
    written = write_sheets(draw_sheets(chosen, columns, args.rows, args.size), args.output)
    print(f"{sum(map(len, chosen.values()))} photographs drawn, the last on {written[-1]}")
    return 0
