r"""Choose the photographs of a prediction run whose labels would teach most.

    scratch-d2 select results --count 50 --output to_label
    scratch-d2 select results --count 50 --output to_label --labelled /data/labels

Chosen are doubtful verdicts, near a threshold or with gate and detector at odds, that look unlike
photographs with a label and unlike each other; no two of one burst. Writes hard links or copies of
the photographs into to_label/unlabelled/ and the reasons into to_label/selection.csv. Nothing is
overwritten.

Exit codes: 0 done; 2 wrong usage; 3 done, but some photographs could not be read; 4 nothing was
readable.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from scratch_d2.cli.common import command_parser


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("select", __doc__)
    parser.add_argument("results", metavar="RESULTS", help="output folder of scratch-d2 predict")
    parser.add_argument("--count", type=int, default=50, help="photographs to choose (50)")
    parser.add_argument(
        "--output", "--out", required=True, type=Path, metavar="FOLDER", help="new folder to write"
    )
    parser.add_argument(
        "--labelled",
        nargs="+",
        default=[],
        metavar="NAME|FOLDER",
        help="datasets that have labels (what the gate was trained on, by splits.json beside it)",
    )
    parser.add_argument("--gate", type=Path, metavar="FILE", help="its weights (those of the run)")
    parser.add_argument(
        "--pool", type=int, default=5000, help="photographs to look at, at most (5000)"
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    import scratch_d2.data.builtin  # noqa: F401, registers its names; slow with Detectron2
    from scratch_d2.inspection.summary import DONE, NOTHING_READABLE, SOME_UNREADABLE
    from scratch_d2.selection.output import SELECTION, UNLABELLED
    from scratch_d2.selection.run import Options, format_selection, select_photographs

    options = Options(args.count, args.labelled, args.gate, args.pool)
    selection = select_photographs(args.results, args.output, options)
    print(format_selection(selection))
    if selection.choices:
        photographs, folder = len(selection.choices), args.output / UNLABELLED
        print(f"written: {photographs:,} photographs in {folder}, {args.output / SELECTION}")
    if selection.unreadable:
        return SOME_UNREADABLE if len(selection.candidates) else NOTHING_READABLE
    return DONE
