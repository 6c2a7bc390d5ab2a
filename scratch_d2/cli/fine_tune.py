"""Train the reference models further on your own photographs, calibrate and evaluate them.

    scratch-d2 fine-tune labels --output run

FOLDER holds good/, bad/ and, if there are any, masks/. It is split into scratch_text_train, _val
and _test; thresholds are chosen on _val, the metrics are those of _test. The same command resumes
a run that was interrupted.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from scratch_d2.cli import calibrate, train_detector, train_gate
from scratch_d2.cli.common import (
    add_engine,
    command_parser,
    use_reference_models,
)
from scratch_d2.utils.bundled import PRETRAINED

FIXED = ("OUTPUT_DIR", "GATE.OUTPUT_DIR", "SCRATCH.DATA_ROOT")
Step = tuple[str, Callable[[Sequence[str]], int], list[str]]


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("fine-tune", __doc__)
    parser.add_argument("folder", metavar="FOLDER", help="with good/, bad/ and masks/")
    parser.add_argument("--output", required=True, type=Path, metavar="RUN", help="folder to write")
    parser.add_argument("--config-file", metavar="FILE", help=f"recipe ({PRETRAINED})")
    add_engine(parser)
    parser.usage = "%(prog)s FOLDER --output RUN [options] [KEY VALUE ...]"
    # Pairs after an option are left over, where a positional argument would take the option too.
    args, args.opts = parser.parse_known_args(argv)
    unknown = [text for text in args.opts if text.startswith("--")]
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    for key in FIXED:
        if key in args.opts[::2]:
            parser.error(f"{key} is set by FOLDER and --output; leave it out")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    refuse_other_data(args.output, args.folder)
    for number, (title, command, arguments) in enumerate(steps(args), start=1):
        print(f"step {number} of 4: {title}", flush=True)
        code = command(arguments)
        if code:
            return code
    print(f"\nnext: scratch-d2 predict --config-file {args.output / 'detector/config.yaml'} \\")
    print(f"  --input FOLDER --output results GATE.WEIGHTS {best_weights(args.output / 'gate')}")
    return 0


def steps(args: argparse.Namespace) -> Iterator[Step]:
    """Yield title, command and arguments of each step, once the steps before it are done."""
    gate, detector = args.output / "gate", args.output / "detector"
    config, start = use_reference_models(args.config_file, args.opts)
    engine = ["--engine", args.engine] if args.engine else []
    options = ["--config-file", config, *engine]
    folders = ["OUTPUT_DIR", str(detector), "GATE.OUTPUT_DIR", str(gate)]
    folders += ["SCRATCH.DATA_ROOT", args.folder]

    gate_options = ["--resume", "--config-file", config]
    yield "train the gate", train_gate.main, [*gate_options, *folders, *start]
    yield "train the detector", train_detector.main, ["--resume", *options, *folders, *start]
    weights = ["MODEL.WEIGHTS", best_weights(detector), "GATE.WEIGHTS", best_weights(gate)]
    trained = [*folders, *args.opts, *weights]
    data = ["--dataset", "scratch_text_val"]
    yield "calibrate on scratch_text_val", calibrate.main, [*options, *data, *trained]
    data = ["DATASETS.TEST", "('scratch_text_test',)"]
    title = "evaluate on scratch_text_test"
    yield title, train_detector.main, ["--eval-only", *options, *trained, *data]


def best_weights(folder: Path) -> str:
    """Return the checkpoint of a finished training to use."""
    best = folder / "model_best.pth"
    return str(best if best.is_file() else folder / "model_final.pth")


def refuse_other_data(run: Path, folder: str) -> None:
    """Raise ValueError where a run was started on another folder than the one given now."""
    from scratch_d2.config import load_config

    started = run / "gate/config.yaml"
    if not started.is_file():
        return
    before = load_config(started).SCRATCH.DATA_ROOT
    if Path(before).expanduser().resolve() != Path(folder).expanduser().resolve():
        raise ValueError(
            f"{str(run)!r} holds a run on {before!r}, now {folder!r} is given; choose another "
            "--output, or delete that run"
        )
