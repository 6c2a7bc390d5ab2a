"""Options that say which models inspect: those of a config, or an exported bundle."""

import argparse
from typing import TYPE_CHECKING

from scratch_d2.cli.common import add_config, add_engine, use_reference_models

if TYPE_CHECKING:
    from scratch_d2.inspection.inspector import Inspector

RUNTIMES = ("auto", "onnxruntime", "openvino")


def add_models(parser: argparse.ArgumentParser) -> None:
    """Add --config-file or --bundle, --engine, --runtime, --batch-size and --workers."""
    models = parser.add_mutually_exclusive_group()
    add_config(models, "the reference models")
    models.add_argument("--bundle", metavar="FOLDER", help="exported models (scratch-d2 export)")
    add_engine(parser)
    words = "what runs a bundle (auto: ONNX Runtime where installed, else OpenVINO)"
    parser.add_argument("--runtime", choices=RUNTIMES, default="auto", help=words)
    parser.add_argument("--batch-size", type=int, default=8, help="images per batch (8)")
    parser.add_argument(
        "--workers", type=int, help="batches inspected at once (as the device allows)"
    )


def check_models(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """End with a usage error where options of a bundle and of checkpoints are mixed."""
    if args.bundle and args.engine:
        parser.error("--engine chooses what runs checkpoints; --runtime chooses what runs a bundle")
    if args.runtime != "auto" and not args.bundle:
        parser.error(f"--runtime {args.runtime} needs --bundle")


def load_inspector(args: argparse.Namespace) -> "Inspector":
    """Load a bundle, or the models of a config, as the options say."""
    from scratch_d2.inspection.inspector import Inspector

    if args.bundle:
        # One processor for each batch, as many batches as there are processors.
        alone = args.workers is None or args.workers > 1
        return Inspector.load_bundle(args.bundle, args.opts, args.runtime, int(alone))
    from scratch_d2.config import load_config
    from scratch_d2.engines import get_engine

    config_file, opts = use_reference_models(args.config_file, args.opts)
    cfg = load_config(config_file, opts)
    cfg.freeze()
    return Inspector.from_config(cfg, get_engine(args.engine or cfg.SCRATCH.ENGINE), opts)


def count_workers(args: argparse.Namespace, inspector: "Inspector") -> int:
    """Return --workers; without it, as many as the device allows."""
    from scratch_d2.inspection.processors import pick_workers

    if args.workers is not None:
        return int(args.workers)
    made_of = inspector.metadata
    return pick_workers(str(made_of["device"]), made_of["engine"])
