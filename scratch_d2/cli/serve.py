r"""Judge photographs that programs send over HTTP.

    scratch-d2 serve --port 8000
    scratch-d2 serve --bundle bundle
    scratch-d2 serve --config-file run/detector/config.yaml --host 0.0.0.0 \
        GATE.WEIGHTS run/gate/model_best.pth
    curl --data-binary @label.png http://127.0.0.1:8000/inspect

The answer to a photograph is its row of results.jsonl. Ctrl-C or SIGTERM ends the service once the
requests under way are answered.
"""

import argparse
from collections.abc import Sequence

from scratch_d2.cli.common import add_pairs, command_parser
from scratch_d2.cli.models import add_models, announce, check_models, count_workers, load_inspector

MEGABYTE = 1 << 20
POSITIVE = ("batch_size", "workers", "queue", "max_megabytes", "max_megapixels", "body_timeout")


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("serve", __doc__)
    add_models(parser)
    words = "address to listen on; 0.0.0.0 lets other machines in (127.0.0.1)"
    parser.add_argument("--host", default="127.0.0.1", help=words)
    parser.add_argument("--port", type=int, default=8000, help="0 is any (8000)")
    words = "requests received, waiting or judged; more are refused with 429 (64)"
    parser.add_argument("--queue", type=int, default=64, help=words)
    words = "megabytes of a body; a larger one is refused with 413 (32)"
    parser.add_argument("--max-megabytes", type=float, default=32, help=words)
    words = "megapixels of a photograph; a larger one is refused with 422 (50)"
    parser.add_argument("--max-megapixels", type=float, default=50, help=words)
    words = "seconds within which a body must arrive; later ones are refused with 408 (30)"
    parser.add_argument("--body-timeout", type=float, default=30, help=words)
    add_pairs(parser)
    args = parser.parse_args(argv)
    for name in POSITIVE:
        value = vars(args)[name]
        if value is not None and not value > 0:
            parser.error(f"argument --{name.replace('_', '-')}: {value}; accepted is more than 0")
    check_models(parser, args)
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)

    from scratch_d2.serving.server import Place, check_libraries, serve

    check_libraries()
    from scratch_d2.serving.app import Limits

    limits = Limits(
        most_bytes=int(args.max_megabytes * MEGABYTE),
        most_pixels=int(args.max_megapixels * 1e6),
        most_inside=args.queue,
        body_seconds=args.body_timeout,
    )
    inspector = load_inspector(args)
    workers = count_workers(args, inspector)
    announce(inspector)
    serve(inspector, limits, Place(args.host, args.port, args.batch_size, workers))
    return 0
