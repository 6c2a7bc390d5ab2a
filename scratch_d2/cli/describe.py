"""Print statistics of datasets beside a model's training data, and the settings that fit them.

    scratch-d2 describe labels --output table.md
    scratch-d2 describe labels --model run/detector/model_best.pth

What is known of the training data is marked ok or off, with the deviation. A dataset is a
registered name or a folder with good/, bad/ and masks/. The proposed settings can be given to
train-gate, train-detector and fine-tune as KEY VALUE pairs, and --auto-settings takes them there.
"""

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scratch_d2.cli.common import command_parser
from scratch_d2.utils.bundled import PRETRAINED

if TYPE_CHECKING:
    from scratch_d2.data.statistics_table import Reference

FORMATS = (".md", ".json")


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("describe", __doc__)
    parser.add_argument("datasets", nargs="+", metavar="NAME|FOLDER", help="to describe")
    beside = parser.add_mutually_exclusive_group()
    beside.add_argument(
        "--model", type=Path, metavar="FILE|RUN", help="checkpoint or run (the reference models)"
    )
    beside.add_argument(
        "--real-labels", action="store_true", help="compare with 5,180 real photographs of labels"
    )
    parser.add_argument(
        "--config-file", metavar="FILE", help=f"whose settings to change ({PRETRAINED})"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="table.md or table.json to write as well"
    )
    args = parser.parse_args(argv)
    if args.output and args.output.suffix not in FORMATS:
        parser.error(f"--output is {args.output}; accepted are names in {' or '.join(FORMATS)}")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    import scratch_d2.data.builtin  # noqa: F401, registers its names; slow with Detectron2
    from scratch_d2.config import load_config
    from scratch_d2.data.catalog import find_dataset_dicts
    from scratch_d2.data.proposal import format_proposals, propose_settings, to_pairs
    from scratch_d2.data.statistics import measure_dataset
    from scratch_d2.data.statistics_table import FORMATS, REAL, to_markdown
    from scratch_d2.utils.device import pick_device
    from scratch_d2.utils.files import write_atomically

    cfg = load_config(args.config_file or PRETRAINED)
    if args.model and not args.model.exists():
        raise FileNotFoundError(f"--model {str(args.model)!r}: no such checkpoint or folder")
    model = args.model or Path(cfg.MODEL.WEIGHTS or cfg.OUTPUT_DIR)
    reference = REAL if args.real_labels else training_data(model)
    datasets = {name: find_dataset_dicts(name) for name in args.datasets}
    statistics = {name: measure_dataset(dicts, progress=True) for name, dicts in datasets.items()}
    print(to_markdown(statistics, reference), end="")
    for name, measured in statistics.items():
        print(f"\nsettings for {name}, beginning from {args.config_file or PRETRAINED}:\n")
        device = pick_device(cfg.MODEL.DEVICE).type
        proposals = propose_settings(measured, cfg, device=device)
        print(format_proposals(proposals))
        print("\nas KEY VALUE pairs:", shlex.join(to_pairs(proposals)) or "none, all are kept")
    if not reference.values:
        print(
            f"\nnote: what {model} was trained on is not known; the splits.json beside models "
            "of earlier versions does not say it"
        )
    if args.output:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        text = FORMATS[args.output.suffix](statistics, reference)
        print(f"\nwritten: {write_atomically(text, args.output)}")
    return 0


def training_data(model: Path) -> "Reference":
    """Return the statistics of the data that a checkpoint, or that in a run, was trained on."""
    from scratch_d2.checkpoints.bundle import SPLITS_FILE
    from scratch_d2.data.statistics_table import OF_A_MODEL, Reference
    from scratch_d2.data.training_record import read_training_statistics

    folder = model if model.is_dir() else model.parent
    records = [folder / SPLITS_FILE, folder / "detector" / SPLITS_FILE]
    record = next((path for path in records if path.is_file()), None)
    return Reference("training data", read_training_statistics(record) or {}, OF_A_MODEL)
