r"""Write labels, or what a model found, for another labelling program, to be corrected there.

    scratch-d2 export-labels labels --format cvat --out for_cvat
    scratch-d2 export-labels results --format label-studio --out for_label_studio
    scratch-d2 export-labels scratch_text_train SCRATCH.DATA_ROOT labels --format coco --out train

SOURCE is a dataset, by name or folder, or the results of scratch-d2 predict.

Exit codes: 0 done; 2 wrong usage; 3 done, but something was left out; 4 nothing was written.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from scratch_d2.cli.common import command_parser, printable, split_keys

FORMATS = ("coco", "labelme", "cvat", "label-studio", "yolo")
DONE, INCOMPLETE, NOTHING = 0, 3, 4
LISTED = 20


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("export-labels", __doc__)
    words = "a dataset's name or folder, or a folder of results"
    parser.add_argument("source", nargs="+", metavar="SOURCE", help=words)
    parser.usage = "%(prog)s SOURCE [KEY VALUE ...] --format FORMAT --out FOLDER [options]"
    parser.add_argument("--format", choices=FORMATS, required=True, help="of the labels")
    words = "folder to write, new or empty"
    parser.add_argument("--out", "--output", type=Path, required=True, metavar="FOLDER", help=words)
    words = "outlines with few corners, or exact masks (polygon)"
    parser.add_argument("--masks", choices=("polygon", "rle"), default="polygon", help=words)
    words = "lowest score of a detection, 0..1 (the threshold of the run)"
    parser.add_argument("--score", type=float, help=words)
    args = parser.parse_args(argv)
    (args.source, *others), args.opts = split_keys(args.source)
    if others:
        parser.error(f"one SOURCE is expected; {others[0]!r} is another")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    from scratch_d2.data.builtin import open_config
    from scratch_d2.data.catalog import find_dataset_dicts
    from scratch_d2.formats.exporting import export_labels
    from scratch_d2.formats.sources import is_results, read_dataset, read_predictions

    by_model = is_results(Path(args.source))
    if args.score is not None and not by_model:
        raise ValueError("--score is for results of scratch-d2 predict; a dataset has no scores")
    if by_model:
        labels = read_predictions(Path(args.source), args.score)
    else:
        cfg = open_config(None, args.opts)
        dicts = find_dataset_dicts(args.source, cfg.SCRATCH.MASK_THRESHOLD)
        labels = read_dataset(dicts)
    report = export_labels(labels, args.out, args.format, args.masks, by_model)
    for sentence in report.left_out[:LISTED]:
        print(printable(f"left out: {sentence}"))
    if len(report.left_out) > LISTED:
        print(f"left out: {len(report.left_out) - LISTED} more")
    print(
        f"{report.images} photographs with {report.scratches} marked regions: {args.out}; "
        f"{len(report.left_out)} left out"
    )
    if not report.images:
        return NOTHING
    return INCOMPLETE if report.left_out else DONE
