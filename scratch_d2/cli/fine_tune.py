"""Train the reference models further on your own photographs, calibrate and evaluate them.

    scratch-d2 fine-tune /data/labels --output runs/labels [KEY VALUE ...]

The folder holds good/, bad/ and, if there are any, masks/. The same command resumes a run that was
interrupted; another folder needs another --output.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from scratch_d2.cli import calibrate, train_detector, train_gate
from scratch_d2.cli.common import command_parser

PRETRAINED = "reference/pretrained.yaml"
Step = tuple[str, Callable[[Sequence[str]], int], list[str]]


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("fine-tune", __doc__)
    parser.add_argument("folder", metavar="FOLDER", help="with good/, bad/ and masks/")
    parser.add_argument("--output", required=True, type=Path, metavar="RUN")
    parser.add_argument("--config-file", default=PRETRAINED, metavar="FILE", help="(%(default)s)")
    parser.add_argument("--engine", choices=["auto", "d2", "embedded"], help="SCRATCH.ENGINE")
    parser.add_argument("opts", nargs=argparse.REMAINDER, help="KEY VALUE pairs over the config")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    todo = steps(args)
    for number, (title, command, arguments) in enumerate(todo, 1):
        print(f"step {number} of {len(todo)}: {title}", flush=True)
        code = command(arguments)
        if code:
            return code
    gate, detector = args.output / "gate/model_best.pth", args.output / "detector"
    print(f"\nnext: scratch-d2 predict --config-file {detector / 'config.yaml'} \\")
    print(f"  --input FOLDER --output results GATE.WEIGHTS {gate}")
    return 0


def steps(args: argparse.Namespace) -> list[Step]:
    """Return title, command and arguments of each step."""
    run, start = args.output, ["--config-file", args.config_file]
    keys = [
        *("OUTPUT_DIR", str(run / "detector"), "GATE.OUTPUT_DIR", str(run / "gate")),
        *("SCRATCH.DATA_ROOT", args.folder, *args.opts),
    ]
    trained = [*keys, "GATE.WEIGHTS", str(run / "gate/model_best.pth")]
    engine = ["--engine", args.engine] if args.engine else []
    return [
        ("train the gate", train_gate.main, ["--resume", *start, *keys]),
        ("train the detector", train_detector.main, ["--resume", *start, *engine, *keys]),
        (
            "calibrate on scratch_text_val",
            calibrate.main,
            [*start, *engine, "--dataset", "scratch_text_val", *trained],
        ),
        (
            "evaluate on scratch_text_test",
            train_detector.main,
            [*start, *engine, "--eval-only", *trained, "DATASETS.TEST", "('scratch_text_test',)"],
        ),
    ]
