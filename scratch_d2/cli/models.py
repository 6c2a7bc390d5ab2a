"""Options that say which models inspect: those of a config, or an exported bundle."""

import argparse
import sys
from typing import TYPE_CHECKING

from scratch_d2.cli.common import add_config, add_engine, use_reference_models
from scratch_d2.utils.progress import say

if TYPE_CHECKING:
    from scratch_d2.inspection.inspector import Inspector

RUNTIMES = ("auto", "torch", "onnxruntime", "openvino")


def add_models(parser: argparse.ArgumentParser) -> None:
    """Add --config-file or --bundle, --engine, --runtime, --batch-size and --workers."""
    models = parser.add_mutually_exclusive_group()
    add_config(models, "the reference models")
    models.add_argument("--bundle", metavar="FOLDER", help="exported models (scratch-d2 export)")
    add_engine(parser)
    words = "what runs the models (SCRATCH.RUNTIME); a bundle runs in onnxruntime or openvino"
    parser.add_argument("--runtime", choices=RUNTIMES, default="auto", help=words)
    parser.add_argument("--batch-size", type=int, default=8, help="images per batch (8)")
    parser.add_argument(
        "--workers", type=int, help="batches inspected at once (as the device allows)"
    )


def check_models(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """End with a usage error if options of a bundle and of checkpoints are mixed."""
    if args.bundle and args.engine:
        parser.error("--engine chooses what runs checkpoints; --runtime chooses what runs a bundle")
    if args.bundle and args.runtime == "torch":
        parser.error(
            "--runtime torch cannot run a bundle; accepted are auto, onnxruntime, openvino"
        )


def load_inspector(args: argparse.Namespace) -> "Inspector":
    """Load a bundle, or the models of a config, as the options say."""
    from scratch_d2.inspection.inspector import Inspector

    # One processor for each batch, as many batches as there are processors.
    threads = int(args.workers is None or args.workers > 1)
    if args.bundle:
        inspector = Inspector.load_bundle(args.bundle, args.opts, args.runtime, threads)
    else:
        from scratch_d2.config import load_config
        from scratch_d2.engines import get_engine

        config_file, opts = use_reference_models(args.config_file, args.opts)
        if args.runtime != "auto":
            opts = [*opts, "SCRATCH.RUNTIME", args.runtime]
        cfg = load_config(config_file, opts)
        cfg.freeze()
        engine = get_engine(args.engine or cfg.SCRATCH.ENGINE)
        inspector = Inspector.from_config(cfg, engine, opts, threads)
    return inspector


def announce(inspector: "Inspector") -> None:
    """Print what runs the models."""
    if inspector.runtime is not None:
        say(str(inspector.runtime), sys.stdout)


def count_workers(args: argparse.Namespace, inspector: "Inspector") -> int:
    """Return --workers; without it, as many as the device allows."""
    from scratch_d2.inspection.processors import pick_workers

    if args.workers is not None:
        return int(args.workers)
    made_of = inspector.metadata
    return pick_workers(str(made_of["device"]), made_of["engine"])
