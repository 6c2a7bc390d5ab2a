"""Train the gate, the classifier that lets clearly Good images skip the detector.

    python tools/train_gate.py --config-file configs/quick_schedules/cpu_mask_rcnn_R_50_FPN.yaml

KEY VALUE pairs at the end override the config, as in `GATE.EPOCHS 5 GATE.IMAGE_SIZE 160`.
"""

import argparse
import sys
from collections.abc import Sequence

from scratch_d2.config import load_config


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config-file", required=True, metavar="FILE", help="YAML of the project")
    parser.add_argument(
        "--resume", action="store_true", help="go on after the last epoch in GATE.OUTPUT_DIR"
    )
    parser.add_argument("opts", nargs=argparse.REMAINDER, metavar="KEY VALUE")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    args = parse(arguments)
    try:
        cfg = load_config(args.config_file, args.opts)

        from scratch_d2.data.builtin import register_builtin
        from scratch_d2.gate import Gate
        from scratch_d2.gate.train import in_words, train_gate

        register_builtin(cfg)
        path = train_gate(cfg, args.resume)
        figures = Gate.load(path).info["validation"]
    except (FileNotFoundError, ValueError, OSError, ImportError, FloatingPointError) as error:
        print(f"train_gate: {error}", file=sys.stderr)
        return 2
    print(f"gate: {path}")
    print(f"validation: {in_words(figures) or 'none, DATASETS.TEST is empty'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
