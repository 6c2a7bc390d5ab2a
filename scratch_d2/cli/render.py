"""Render a dataset: labels with printed codes, Good and Bad, with masks of the scratches.

    scratch-d2 render --count 60 --out labels
    scratch-d2 render --from-good /data/good --out scratched

With --from-good, scratches are painted on photographs of undamaged labels instead.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from scratch_d2.cli.common import command_parser


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    root = Path(os.environ.get("DETECTRON2_DATASETS", "datasets")).expanduser()
    parser = command_parser("render", __doc__)
    parser.add_argument(
        "--out",
        "--output",
        type=Path,
        default=root / "scratch_synth",
        metavar="DIR",
        help="folder to write (%(default)s)",
    )
    parser.add_argument(
        "--from-good",
        type=Path,
        default=argparse.SUPPRESS,
        metavar="FOLDER",
        help="Good photographs, or a dataset with good/, to paint scratches on",
    )
    parser.add_argument(
        "--count",
        type=int,
        default=argparse.SUPPRESS,
        help="images, Good and Bad (2000); with --from-good, scratched ones (one per photograph)",
    )
    parser.add_argument("--seed", type=int, default=0, help="same seed, same bytes (0)")
    parser.add_argument(
        "--bad-fraction",
        type=float,
        default=argparse.SUPPRESS,
        help="share of Bad, 0..1 (0.2)",
    )
    parser.add_argument(
        "--font",
        type=Path,
        nargs="+",
        action="extend",
        default=argparse.SUPPRESS,
        metavar="FILE",
        help="TrueType or OpenType files to set the codes in (drawn faces)",
    )
    parser.add_argument(
        "--damage",
        nargs="+",
        action="extend",
        default=argparse.SUPPRESS,
        metavar="KIND",
        help="damage Bad labels in these ways alone, such as notch and cut (all)",
    )
    parser.add_argument(
        "--brush",
        type=float,
        default=10.0,
        help="radius of the brush that draws the masks, px; 0 marks what the damage changed (10)",
    )
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes (%(default)s)"
    )
    return parser.parse_args(argv)


def scratch(args: argparse.Namespace) -> dict[str, int]:
    if {"bad_fraction", "font", "damage"} & vars(args).keys():
        raise ValueError(
            "--bad-fraction, --font and --damage are for rendered labels; with --from-good, "
            "--count says how many scratched photographs are made"
        )
    from scratch_d2.synthetic.transfer.dataset import write_transfer

    count = getattr(args, "count", None)
    return write_transfer(args.from_good, args.out, count, args.seed, args.workers, args.brush)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    from scratch_d2.synthetic.dataset import write_dataset

    if "from_good" in args:
        counts = scratch(args)
    else:
        share = getattr(args, "bad_fraction", 0.2)
        count = getattr(args, "count", 2000)
        fonts = getattr(args, "font", ())
        look = args.brush, fonts, getattr(args, "damage", ())
        counts = write_dataset(args.out, count, args.seed, share, args.workers, *look)
    print(
        f"{counts['good']} Good and {counts['bad']} Bad photographs in {args.out} "
        f"({counts['written']} files written now)"
    )
    return 0
