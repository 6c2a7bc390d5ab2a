#!/usr/bin/env python3
"""Train the gate, the classifier that lets clearly Good images skip the detector.

tools/train_gate.py --config-file configs/scratch_mask_rcnn_R_50_FPN.yaml [KEY VALUE ...]
"""

import argparse

from scratch_d2.cli.common import run
from scratch_d2.config import load_config


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config-file", required=True, metavar="FILE")
    parser.add_argument("--resume", action="store_true", help="go on after the last whole epoch")
    parser.add_argument("opts", nargs=argparse.REMAINDER, help="KEY VALUE pairs over the config")
    return parser.parse_args()


def main() -> int:
    from scratch_d2.data.builtin import register_builtin
    from scratch_d2.gate import Gate
    from scratch_d2.gate.train import in_words, train_gate

    args = parse_args()
    cfg = load_config(args.config_file, args.opts)
    register_builtin(cfg)
    weights = train_gate(cfg, args.resume)
    figures = Gate.load(weights).info["validation"]
    print(f"validation: {in_words(figures) or 'none, DATASETS.TEST is empty'}")
    print(f"trained: {weights}")
    return 0


if __name__ == "__main__":
    run(main)
