"""Write a folder of good/, bad/ and masks/ as COCO JSON, for other programs.

    scratch-d2 coco --root labels --split train --output train.json

Images without scratches are in it; file names begin at good/ or bad/.
"""

import argparse
from collections.abc import Sequence

from scratch_d2.cli.common import command_parser
from scratch_d2.utils.counting import count_of

SPLITS = ("train", "val", "test", "all")


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("coco", __doc__)
    parser.add_argument("--root", required=True, metavar="FOLDER", help="with good/ and bad/")
    parser.add_argument("--output", required=True, metavar="FILE", help="file to write")
    parser.add_argument("--split", choices=SPLITS, default="all", help="which images (all)")
    parser.add_argument("--seed", type=int, default=0, help="of the split (0)")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    from scratch_d2.data import get_dataset_dicts, register_scratch_dataset
    from scratch_d2.data.coco import write_coco_json
    from scratch_d2.structures.dataset_dict import scratches_of
    from scratch_d2.structures.labels import BAD

    register_scratch_dataset("to_write", args.root, split=args.split, seed=args.seed, replace=True)
    dicts = get_dataset_dicts("to_write")
    path = write_coco_json(dicts, args.output)
    scratches = sum(len(scratches_of(item)) for item in dicts)
    unmarked = sum(item["verdict"] == BAD and not scratches_of(item) for item in dicts)
    photographs = count_of(len(dicts), "photograph")
    note = f", {unmarked:,} Bad without a mask" if unmarked else ""
    print(f"{photographs}, {count_of(scratches, 'scratch', 'scratches')}{note}: {path}")
    return 0
