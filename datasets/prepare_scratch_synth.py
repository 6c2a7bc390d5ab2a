#!/usr/bin/env python3
"""Render the dataset scratch_synth: labels with printed codes, Good and Bad, with masks."""

import argparse
import os
from pathlib import Path

from scratch_d2.cli import run
from scratch_d2.data.synthetic.dataset import write_dataset


def parse_args() -> argparse.Namespace:
    root = Path(os.environ.get("DETECTRON2_DATASETS", "datasets"))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=root / "scratch_synth", help="folder")
    parser.add_argument("--count", type=int, default=2000, help="photographs, Good and Bad")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same bytes")
    parser.add_argument("--bad-fraction", type=float, default=0.2, help="share of Bad, 0..1")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    counts = write_dataset(args.out, args.count, args.seed, args.bad_fraction, args.workers)
    print(
        f"{counts['good']} Good and {counts['bad']} Bad photographs in {args.out} "
        f"({counts['written']} files written now)"
    )
    return 0


if __name__ == "__main__":
    run(main)
