r"""Turn labels of other programs into a folder of good/, bad/ and masks/.

    scratch-d2 import cvat_export --format cvat --out labels --scratch scratch,kratzer --good ok

SOURCE is a file of labels, or the folder that holds them. Images keep their bytes; they are hard
links if the disk allows it. A scratch with only a box is written into boxes.csv. What was left
out is listed, all of it in import.json.

Exit codes: 0 done; 2 wrong usage, or images without labels; 3 done, but something was left out;
4 no image could be imported.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scratch_d2.cli.common import command_parser, printable

if TYPE_CHECKING:
    from scratch_d2.formats.import_report import ImportReport

FORMATS = ("auto", "coco", "labelme", "cvat", "label-studio", "yolo", "voc", "mvtec", "review")
UNLABELLED = ("error", "good", "skip")
DONE, INCOMPLETE, NOTHING = 0, 3, 4
LISTED = 20


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("import", __doc__)
    parser.add_argument("source", type=Path, metavar="SOURCE", help="file or folder of labels")
    parser.add_argument("--format", choices=FORMATS, default="auto", help="of the labels (auto)")
    parser.add_argument(
        "--out",
        "--output",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="folder to write, new or empty",
    )
    parser.add_argument(
        "--images", type=Path, metavar="FOLDER", help="with the images, if they are elsewhere"
    )
    for name, default, what in (
        ("scratch", "scratch", 'that are scratches; "*" is every other class'),
        ("good", "good,ok", "that call the whole image Good"),
        ("bad", "bad,nok", "that call the whole image Bad"),
        ("ignore", "", "that say nothing"),
    ):
        words = f"classes {what}, split by commas" + (f" ({default})" if default else "")
        parser.add_argument(f"--{name}", default=default, metavar="NAMES", help=words)
    words = "what an image without labels is; error writes nothing if there is one (error)"
    parser.add_argument("--unlabelled", choices=UNLABELLED, default="error", help=words)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    from scratch_d2.formats.classes import Classes, parse_names
    from scratch_d2.formats.importing import import_labels

    names = {key: parse_names([vars(args)[key]]) for key in ("scratch", "good", "bad", "ignore")}
    report = import_labels(
        args.source, args.out, args.format, Classes(**names), args.unlabelled, args.images
    )
    print(format_report(report))
    if not report.images:
        print(f"nothing was written to {args.out}: no image could be imported")
        return NOTHING
    print(f"written: {args.out}")
    return DONE if report.is_complete else INCOMPLETE


def format_report(report: "ImportReport") -> str:
    """Return the lines for the terminal: what was left out, and counts."""
    lines = []
    most = LISTED if report.images else None  # without images there is no import.json
    for title, sentences in (("left out", report.left_out), ("not used", report.dropped)):
        lines += [printable(f"{title}: {sentence}") for sentence in sentences[:most]]
        if most and len(sentences) > most:
            lines.append(f"{title}: {len(sentences) - LISTED} more, all in import.json")
    if report.unknown:
        classes = ", ".join(f"{name!r} ({n})" for name, n in report.unknown.most_common(LISTED))
        options = "--scratch, --good, --bad or --ignore"
        lines.append(printable(f"unknown classes: {classes}; say what they are with {options}"))
    lines += [
        f"{report.images} photographs: {report.good} Good, {report.bad} Bad; of the Bad ones "
        f"{report.masks} have a mask, {report.boxes} have boxes, {report.unmarked} have neither",
        f"{report.scratches} scratches: {report.clipped} clipped at the edge of their image, "
        f"{report.crossing} with an outline that crosses itself",
        f"left out: {len(report.left_out)} photographs, {len(report.dropped)} labels, "
        f"{report.skipped} photographs without labels, {report.unlisted} that no labels name",
        f"{report.linked} hard links, {report.copied} copies, {report.renamed} renamed",
    ]
    return "\n".join(lines)
