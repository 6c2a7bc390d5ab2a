r"""Export models to ONNX or OpenVINO, which run without torch.

    scratch-d2 export --to onnx --output bundle
    scratch-d2 export --to openvino --config-file run/detector/config.yaml --output bundle \
        GATE.WEIGHTS run/gate/model_best.pth
    scratch-d2 export --gate run/gate/model_best.pth --output gate.onnx
    scratch-d2 export --detector run/detector/model_final.pth \
        --config-file run/detector/config.yaml --output detector.onnx

Without --gate and --detector, the output is a folder with both models, thresholds.json, bundle.json
and README.md; scratch-d2 predict --bundle runs it. Each model is compared with torch on rendered
labels of many sizes, and kept only if it agrees.

Exit codes: 0 written; 2 wrong usage, config or weights, a missing package, or a model that differs.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from scratch_d2.cli.common import add_config, add_pairs, command_parser, use_reference_models


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("export", __doc__)
    words = "format of the models (%(default)s)"
    parser.add_argument("--to", choices=("onnx", "openvino"), default="onnx", help=words)
    add_config(parser, "the reference models")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--gate", metavar="FILE", help="export only this checkpoint of a gate")
    what.add_argument("--detector", metavar="FILE", help="export only this one of a detector")
    words = "folder of the bundle, or file of the single model (.onnx, .xml)"
    parser.add_argument("--output", required=True, type=Path, metavar="DIR|FILE", help=words)
    add_pairs(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    for line in export(args):
        print(line)
    print(f"written: {args.output}")
    return 0


def export(args: argparse.Namespace) -> list[str]:
    """Export what the options ask for; returns how far the models are from torch."""
    from scratch_d2.bundles.export import export_bundle
    from scratch_d2.bundles.model_files import export_detector_file, export_gate_file
    from scratch_d2.config import load_config

    if args.gate:
        return [export_gate_file(args.gate, args.output, args.to)]
    config_file, opts = use_reference_models(args.config_file, args.opts)
    cfg = load_config(config_file, opts)
    if args.detector:
        return [export_detector_file(cfg, args.detector, args.output, args.to)]
    return export_bundle(cfg, args.output, args.to, opts)
