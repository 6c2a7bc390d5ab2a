r"""Judge photographs Good or Bad and find their scratches.

    scratch-d2 predict --input labels --output results
    scratch-d2 predict --bundle bundle --input labels --output results
    scratch-d2 predict --watch /data/line --output results --resume
    scratch-d2 predict --config-file run/detector/config.yaml --input /data/new '/data/old/*.png' \
        --output results GATE.WEIGHTS run/gate/model_best.pth

    scratch-d2 predict --watch /data/line --output results --on-verdict 'python3 sort_out.py'
    scratch-d2 predict --shard 2/8 --input /data/archive --output shard2
    scratch-d2 predict --ray local --input s3://bucket/labels --output results
    scratch-d2 predict --ray head:6379 --input s3://bucket/labels --output s3://bucket/results \
        --format parquet

Writes results.jsonl, results.csv, coco_instances_results.json, summary.json, overlays/ and masks/.
--bundle takes what scratch-d2 export wrote and needs no torch; KEY VALUE pairs then set thresholds.
A run with --watch prints a line per verdict and ends with Ctrl-C or SIGTERM. --on-verdict runs a
program for each row, with the row as JSON on its standard input, or sends it to an address.
--shard NUMBER/COUNT inspects one part of the inputs; scratch-d2 merge joins the results.
--ray inspects on a cluster of Ray, or in several processes of this machine. Inputs may be addresses
that fsspec reads. With --format parquet the workers write the rows themselves, in parts, also to an
address; scratch-d2 merge turns them into a results folder.

Exit codes: 0 done; 2 wrong usage or config; 3 done, but some files were unreadable (each has its
row); 4 nothing was readable; 10 Bad found, only with --fail-on-bad (it overrides 3);
130 interrupted, --resume completes the results.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from signal import SIGINT, SIGTERM
from typing import TYPE_CHECKING, Any

from scratch_d2.cli.common import (
    add_pairs,
    command_parser,
    interrupt,
    on_stop,
    split_keys,
)
from scratch_d2.cli.models import add_models, announce, check_models, count_workers, load_inspector
from scratch_d2.utils.progress import say
from scratch_d2.utils.remote import SEPARATOR

if TYPE_CHECKING:
    from scratch_d2.inspection.inputs import InputFile
    from scratch_d2.inspection.inspector import Inspector
    from scratch_d2.inspection.jobs import Deliver
    from scratch_d2.inspection.options import Options
    from scratch_d2.inspection.rows import Row
    from scratch_d2.inspection.stopwatch import Stopwatch
    from scratch_d2.inspection.watch import Watch


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("predict", __doc__)
    add_models(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    words = 'what to inspect; "-" reads file names from standard input'
    what.add_argument("--input", nargs="+", metavar="FOLDER|FILE|GLOB|ADDRESS|-", help=words)
    what.add_argument("--watch", metavar="FOLDER", help="inspect each file that appears, once")
    words = "folder for the results; with --format parquet also an address such as s3://..."
    parser.add_argument("--output", required=True, metavar="DIR", help=words)
    words = "pictures to save: overlays, masks or both, of bad images or of all, or none"
    parser.add_argument("--save", default="overlays,masks,bad", help=f"{words} (%(default)s)")
    words = (
        "program that gets each row as JSON on its standard input, or address that gets it by POST"
    )
    parser.add_argument("--on-verdict", metavar="COMMAND|URL", help=words)
    words = "inspect on a cluster of Ray, or with one process per processor of this machine"
    parser.add_argument("--ray", metavar="local|HOST:PORT", help=words)
    words = "with --ray, results.jsonl or Parquet files that the workers write themselves (jsonl)"
    parser.add_argument("--format", choices=["jsonl", "parquet"], default="jsonl", help=words)
    words = "images of a Parquet file, rounded up to whole batches (512)"
    parser.add_argument("--part-size", type=int, default=512, metavar="N", help=words)
    words = "inspect one of COUNT parts of the inputs, NUMBER from 1 (scratch-d2 merge joins them)"
    parser.add_argument("--shard", metavar="NUMBER/COUNT", help=words)
    parser.add_argument("--resume", action="store_true", help="complete the results in DIR")
    parser.add_argument("--overwrite", action="store_true", help="replace the results in DIR")
    parser.add_argument(
        "--fail-on-bad", action="store_true", help="exit with 10 if any image is Bad"
    )
    add_pairs(parser)
    args = parser.parse_args(argv)
    args.input, keys = split_keys(args.input or [])
    args.opts = keys + args.opts
    if args.shard is not None and args.watch:
        parser.error("--shard needs --input; a watched folder has no parts")
    if args.ray is not None and (args.watch or args.shard is not None):
        parser.error("--ray needs --input, and takes neither --watch nor --shard")
    check_models(parser, args)
    _check_format(parser, args)
    return args


def _check_format(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    if args.part_size < 1:
        parser.error(f"argument --part-size: {args.part_size}; accepted is 1 or more")
    if args.format == "parquet":
        if args.ray is None:
            parser.error("--format parquet needs --ray local or --ray HOST:PORT")
        if args.on_verdict is not None:
            parser.error("--on-verdict needs --format jsonl; workers do not return other rows")
        return
    if SEPARATOR in args.output:
        parser.error(
            f"--output {args.output}: results.jsonl grows in a folder; an address needs --ray and "
            "--format parquet"
        )
    args.output = Path(args.output)


def make_options(args: argparse.Namespace, inspector: "Inspector") -> "Options":
    """Return the options of the run; workers that were not named are as the device allows."""
    from scratch_d2.inspection.options import Options
    from scratch_d2.inspection.pictures import Pictures
    from scratch_d2.inspection.shards import Shard

    workers = count_workers(args, inspector)
    pictures = Pictures.parse(args.save)
    shard = None if args.shard is None else Shard.parse(args.shard)
    return Options(args.batch_size, workers, pictures, args.resume, args.overwrite, shard)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)

    from scratch_d2.inspection.inputs import count_files, find_files
    from scratch_d2.inspection.notifier import notifying
    from scratch_d2.inspection.pictures import Pictures
    from scratch_d2.inspection.predict import predict_files, predict_watched
    from scratch_d2.inspection.shards import Shard
    from scratch_d2.inspection.watch import Watch

    Pictures.parse(args.save)  # a wrong option is refused before the models are loaded
    if args.shard is not None:
        Shard.parse(args.shard)
    on_stop(interrupt, SIGTERM)
    watch = Watch(args.watch) if args.watch else None
    files = find_files(args.input, sys.stdin) if watch is None else iter(())
    if args.ray is not None:
        return _predict_on_cluster(args, files)
    with notifying(args.on_verdict) as notify:
        inspector = load_inspector(args)
        options = make_options(args, inspector)
        announce(inspector)
        if watch is not None:
            on_stop(watch.stop.set, SIGINT, SIGTERM)
            deliver, begin = partial(_print, watch, notify), partial(_announce, watch, args.output)
            summary, stopwatch = predict_watched(
                inspector, watch, args.output, options, deliver, begin
            )
        else:
            total = count_files(args.input)
            summary, stopwatch = predict_files(
                inspector, files, args.output, options, total, notify
            )
    return _end(args, summary, stopwatch)


def _predict_on_cluster(args: argparse.Namespace, files: "Iterator[InputFile]") -> int:
    from scratch_d2.inspection.cluster import connected
    from scratch_d2.inspection.inputs import count_files
    from scratch_d2.inspection.notifier import notifying
    from scratch_d2.inspection.options import Options
    from scratch_d2.inspection.parts import PartStore
    from scratch_d2.inspection.pictures import Pictures
    from scratch_d2.inspection.predict import predict_on_cluster
    from scratch_d2.inspection.predict_parts import predict_in_parts

    pictures = Pictures.parse(args.save)
    options = Options(args.batch_size, 1, pictures, args.resume, args.overwrite)
    # Each worker has one processor, however many workers there are.
    alone = argparse.Namespace(**{**vars(args), "workers": None})
    load, total = partial(load_inspector, alone), count_files(args.input)
    if args.format == "parquet":
        store = PartStore(args.output)
        with connected(args.ray, load, options, args.workers, store) as crew:
            summary, stopwatch = predict_in_parts(
                crew, files, store, options, args.part_size, total
            )
        return _end(args, summary, stopwatch)
    with notifying(args.on_verdict) as notify:
        with connected(args.ray, load, options, args.workers) as crew:
            summary, stopwatch = predict_on_cluster(
                crew, files, args.output, options, total, notify
            )
    return _end(args, summary, stopwatch)


def _end(args: argparse.Namespace, summary: dict[str, Any], stopwatch: "Stopwatch") -> int:
    """Print the summary; return the exit code."""
    from scratch_d2.inspection.summary import exit_code, format_summary

    print(format_summary(summary, stopwatch))
    print(f"written: {args.output}")
    return exit_code(summary, args.fail_on_bad)


def _announce(watch: "Watch", output: Path) -> None:
    say(
        f"watching {watch.folder} for photographs; results go to {output}; Ctrl-C or SIGTERM ends "
        "the watch",
        sys.stdout,
    )


def _print(watch: "Watch", notify: "Deliver | None", rows: list["Row"]) -> None:
    """Print a line for each row, and pass the rows on."""
    from scratch_d2.inspection.summary import format_verdict

    for row in rows:
        say(format_verdict(row, watch.folder), sys.stdout)
    if notify is not None:
        notify(rows)
