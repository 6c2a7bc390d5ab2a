"""Train the reference models further on your own photographs, calibrate and evaluate them.

    scratch-d2 fine-tune labels --output run

FOLDER holds good/, bad/ and, if there are any, masks/. It is split into scratch_text_train, _val
and _test; thresholds are chosen on _val, the metrics are those of _test. Bad photographs without a
mask are marked if gate and detector agree, and the detector learns from these pseudo-masks. At
the end the models before and after are compared on _test. The same command resumes a run that was
interrupted.

Exit codes: 0 done; 2 wrong usage, config or data; 4 done, but no thresholds could be chosen.
"""

import argparse
import contextlib
import io
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from scratch_d2.cli import calibrate, train_detector, train_gate
from scratch_d2.cli.auto_settings import add_auto_settings, auto_settings
from scratch_d2.cli.common import (
    add_engine,
    command_parser,
    use_reference_models,
)
from scratch_d2.utils.bundled import PRETRAINED

FIXED = ("OUTPUT_DIR", "GATE.OUTPUT_DIR", "SCRATCH.DATA_ROOT")
DONE, UNDECIDED = 0, 4
Step = tuple[str, Callable[[Sequence[str]], int], list[str]]


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("fine-tune", __doc__)
    parser.add_argument("folder", metavar="FOLDER", help="with good/, bad/ and masks/")
    parser.add_argument("--output", required=True, type=Path, metavar="RUN", help="folder to write")
    parser.add_argument("--config-file", metavar="FILE", help=f"recipe ({PRETRAINED})")
    add_engine(parser)
    add_auto_settings(parser)
    parser.usage = "%(prog)s FOLDER --output RUN [options] [KEY VALUE ...]"
    # Pairs after an option are left over; a positional argument would take the option too.
    args, rest = parser.parse_known_args(argv)
    args.opts = rest
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
    notes = check_data(args)
    refuse_new_photographs(args.output)
    before = args.opts
    if args.auto_settings:
        args.opts = [*args.opts, *settings_for(args)]
    for note in notes:
        print(f"note: {note}")
    result = DONE
    for number, (title, command, arguments) in enumerate(steps(args), start=1):
        print(f"step {number} of 5: {title}", flush=True)
        code = command(arguments)
        if code not in (DONE, UNDECIDED):
            return code
        result = max(result, code)
    args.opts = before  # the former models are evaluated as they were
    compare_with_start(args)
    print(f"\nnext: scratch-d2 predict --config-file {args.output / 'detector/config.yaml'} \\")
    print(f"  --input FOLDER --output results GATE.WEIGHTS {best_weights(args.output / 'gate')}")
    return result


def steps(args: argparse.Namespace) -> Iterator[Step]:
    """Yield title, command and arguments of each step, once the steps before it are done."""
    gate, detector = args.output / "gate", args.output / "detector"
    config, start = use_reference_models(args.config_file, args.opts)
    engine = ["--engine", args.engine] if args.engine else []
    options = ["--config-file", config, *engine]
    folders = ["OUTPUT_DIR", str(detector), "GATE.OUTPUT_DIR", str(gate)]
    folders += data_keys(args.folder)

    gate_options = ["--resume", "--config-file", config]
    yield "train the gate", train_gate.main, [*gate_options, *folders, *start]
    pseudo = args.output / "pseudo_masks.json"
    trained_gate = ["GATE.WEIGHTS", best_weights(gate)]
    mark = partial(mark_scratches, config, pseudo, args.engine)
    yield "mark scratches where gate and detector agree", mark, [*folders, *start, *trained_gate]
    if detector_learns(pseudo):
        learn = [*folders, *start, "SCRATCH.PSEUDO_MASKS", str(pseudo)]
        yield "train the detector", train_detector.main, ["--resume", *options, *learn]
    else:
        keep = partial(keep_detector, config, [*folders, *start])
        yield "keep the detector, there is no scratch to learn from", keep, []
    weights = ["MODEL.WEIGHTS", best_weights(detector), "GATE.WEIGHTS", best_weights(gate)]
    trained = [*folders, *args.opts, *weights]
    data = ["--dataset", "scratch_text_val", *former_thresholds(config, start)]
    yield "calibrate on scratch_text_val", calibrate.main, [*options, *data, *trained]
    data = ["DATASETS.TEST", "('scratch_text_test',)"]
    title = "evaluate on scratch_text_test"
    yield title, train_detector.main, ["--eval-only", *options, *trained, *data]


def data_keys(folder: str) -> list[str]:
    """Return the KEY VALUE pairs that train and validate on a folder, whatever the config names."""
    names = ["DATASETS.TRAIN", "('scratch_text_train',)", "DATASETS.TEST", "('scratch_text_val',)"]
    return ["SCRATCH.DATA_ROOT", folder, *names]


def former_thresholds(config: str, opts: Sequence[str]) -> list[str]:
    """Return the option that keeps the thresholds of the models before if new ones are no better.

    Few photographs choose thresholds badly, and the scores of models trained further are alike.
    """
    from scratch_d2.config import load_config
    from scratch_d2.structures.thresholds import THRESHOLDS_FILE

    weights = load_config(config, opts).MODEL.WEIGHTS
    file = Path(weights).parent / THRESHOLDS_FILE
    return ["--former", str(file)] if weights and file.is_file() else []


def settings_for(args: argparse.Namespace) -> list[str]:
    """Return the proposed settings, without the area threshold, which calibration chooses."""
    config, start = use_reference_models(args.config_file, args.opts)
    asked = argparse.Namespace(config_file=config, opts=[*data_keys(args.folder), *start])
    return auto_settings(asked, ("SCRATCH.AREA_THRESHOLD",))


def compare_with_start(args: argparse.Namespace) -> None:
    """Print the test metrics of the models before and after, and warn if F1 has fallen."""
    from scratch_d2.config import load_config
    from scratch_d2.evaluation.comparison import compare_runs
    from scratch_d2.evaluation.files import read_evaluation
    from scratch_d2.evaluation.table import last_judge

    config, start = use_reference_models(args.config_file, args.opts)
    weights = load_config(config, start).MODEL.WEIGHTS
    if not weights:
        return
    before, after = args.output / "before", args.output / "detector"
    opts = ["OUTPUT_DIR", str(before), "SCRATCH.DATA_ROOT", args.folder, *start]
    opts += ["MODEL.WEIGHTS", weights, "DATASETS.TEST", "('scratch_text_test',)"]
    engine = ["--engine", args.engine] if args.engine else []
    print("evaluating the models before on scratch_text_test as well", flush=True)
    with contextlib.redirect_stdout(io.StringIO()):
        train_detector.main(["--eval-only", "--config-file", config, *engine, *opts])
    print("\nThe models before, and those of this run, on scratch_text_test:\n")
    print(compare_runs([before, after]))
    results = [read_evaluation(run / "inference")[0] for run in (before, after)]
    was, now = (each["image"][f"{last_judge(each)}_F1_bad"] for each in results)
    if now < was:
        print(
            f"note: F1 of Bad fell from {was:.3f} to {now:.3f}; on so few photographs that may be "
            "chance. Compare the intervals, and keep the former models if in doubt"
        )


def check_data(args: argparse.Namespace) -> list[str]:
    """Return what limits a training on the folder; ValueError, before it starts, if none can be."""
    from scratch_d2.data.builtin import open_config
    from scratch_d2.data.catalog import get_dataset_dicts
    from scratch_d2.data.readiness import check_fine_tuning

    config, start = use_reference_models(args.config_file, args.opts)
    open_config(config, [*start, "SCRATCH.DATA_ROOT", args.folder])
    splits = {name: get_dataset_dicts(f"scratch_text_{name}") for name in ("train", "val", "test")}
    return check_fine_tuning(args.folder, splits)


def mark_scratches(config: str, file: Path, engine: str | None, opts: Sequence[str]) -> int:
    """Write the pseudo-masks of the training images, unless the run to resume has written them."""
    from scratch_d2.config import load_config
    from scratch_d2.data.catalog import get_dataset_dicts
    from scratch_d2.data.pseudo_masks import write_pseudo_masks
    from scratch_d2.engines import get_engine
    from scratch_d2.gate.model import Gate
    from scratch_d2.inspection.pseudo_masks import find_pseudo_masks
    from scratch_d2.structures.dataset_dict import has_unknown_scratches

    if file.is_file():
        return 0
    unmarked = [d for d in get_dataset_dicts("scratch_text_train") if has_unknown_scratches(d)]
    cfg, marked = load_config(config, opts), []
    if unmarked and cfg.MODEL.WEIGHTS:
        gate = Gate.load(cfg.GATE.WEIGHTS, cfg.MODEL.DEVICE)
        detector = get_engine(engine or cfg.SCRATCH.ENGINE).load(cfg, cfg.MODEL.WEIGHTS)
        marked = find_pseudo_masks(gate, detector, unmarked, cfg.SCRATCH.WHITE_LEVEL)
    write_pseudo_masks(marked, file)
    print(f"pseudo-masks on {len(marked)} of {len(unmarked)} Bad photographs without a mask")
    return 0


def detector_learns(pseudo_masks: Path) -> bool:
    """Whether a training image has a mask; without one the detector would unlearn scratches."""
    from scratch_d2.data.catalog import get_dataset_dicts
    from scratch_d2.data.pseudo_masks import detector_training_dicts
    from scratch_d2.data.readiness import has_masks

    dicts = get_dataset_dicts("scratch_text_train")
    return has_masks(detector_training_dicts(dicts, str(pseudo_masks)))


def keep_detector(config: str, opts: Sequence[str], _: Sequence[str]) -> int:
    """Copy the detector that training would start from into the run, with config and record."""
    from scratch_d2.checkpoints.bundle import SPLITS_FILE
    from scratch_d2.config import load_config
    from scratch_d2.utils.files import prepare_output_dir

    cfg = load_config(config, opts)
    if not cfg.MODEL.WEIGHTS:
        raise ValueError(
            "no training image has a mask and MODEL.WEIGHTS names no detector to keep; add masks, "
            "or name one"
        )
    source, folder = Path(cfg.MODEL.WEIGHTS), prepare_output_dir(cfg.OUTPUT_DIR, cfg)
    shutil.copyfile(source, folder / "model_final.pth")
    record = source.parent / SPLITS_FILE
    if record.is_file():
        shutil.copyfile(record, folder / SPLITS_FILE)
    return 0


def best_weights(folder: Path) -> str:
    """Return the checkpoint of a finished training to use."""
    best = folder / "model_best.pth"
    return str(best if best.is_file() else folder / "model_final.pth")


def refuse_new_photographs(run: Path) -> None:
    """Raise ValueError if a run to resume knows not all photographs, or other verdicts of them."""
    from scratch_d2.checkpoints.bundle import SPLITS_FILE
    from scratch_d2.data.catalog import get_dataset_dicts
    from scratch_d2.data.split import read_splits

    record = run / "gate" / SPLITS_FILE
    if not record.is_file():
        return
    known = {(row["sha256"], row["verdict"]) for row in read_splits(record)["train"]}
    train = get_dataset_dicts("scratch_text_train")
    new = [d["file_name"] for d in train if (d["sha256"], d["verdict"]) not in known]
    if new:
        raise ValueError(
            f"{str(run)!r} holds a run without {len(new)} of the photographs that are there for "
            f"training now, or with another verdict of them, such as {new[0]!r}; it would not "
            "learn from them. Choose another --output, or delete that run"
        )


def refuse_other_data(run: Path, folder: str) -> None:
    """Raise ValueError if a run was started on another folder than the one given now."""
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
