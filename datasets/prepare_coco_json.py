#!/usr/bin/env python3
"""Write a folder of good/, bad/ and masks/ as COCO JSON, for tools that know nothing else.

    datasets/prepare_coco_json.py --root /data/labels --split train --output train.json

Photographs without scratches are in it; file names begin at good/ or bad/.
"""

import argparse

from scratch_d2.cli.common import run
from scratch_d2.data import get_dataset_dicts, register_scratch_dataset
from scratch_d2.data.catalog import SPLITS
from scratch_d2.data.coco import write_coco_json


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", required=True, metavar="FOLDER")
    parser.add_argument("--output", required=True, metavar="FILE")
    parser.add_argument("--split", choices=SPLITS, default="all")
    parser.add_argument("--seed", type=int, default=0, help="seed of the split")
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    register_scratch_dataset("to_write", args.root, split=args.split, seed=args.seed)
    dicts = get_dataset_dicts("to_write")
    path = write_coco_json(dicts, args.output)
    scratches = sum(len(item["annotations"]) for item in dicts)
    print(f"{len(dicts)} photographs, {scratches} scratches: {path}")
    return 0


if __name__ == "__main__":
    run(main)
