"""Write the gate as one ONNX file, which runs without this package and without torch.

    scratch-d2 export --gate run/gate/model_best.pth --output gate.onnx

The file takes `images`, uint8 [N, 3, S, S] RGB, and returns `p_bad`, float32 [N]; its metadata says
how to make the squares. It is checked against the network in ONNX Runtime and kept only if p(Bad)
agrees. The detector is refused: torch's exporter cannot follow as many boxes as an image decides.

Exit codes: 0 written; 2 wrong usage, weights, a missing package, or a refusal.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from scratch_d2.cli.common import command_parser

REFUSAL = (
    "the detector has no ONNX export: torch.export cannot trace non-maximum suppression and mask "
    "heads over as many boxes as an image happens to have; run it with scratch-d2 predict or "
    "scratch_d2.inspection.Inspector, on plain pip (--engine embedded), and export the gate"
)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser("export", __doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--gate", metavar="FILE", help="a checkpoint of scratch-d2 train-gate")
    what.add_argument("--detector", metavar="FILE", help="refused, with the reason")
    parser.add_argument("--output", required=True, type=Path, metavar="FILE", help="file to write")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    if args.detector:
        raise ValueError(REFUSAL)
    from scratch_d2.gate.export import export_gate

    difference = export_gate(args.gate, args.output)
    print(f"p(Bad) in ONNX Runtime and in torch differ by {difference:.1e} at most")
    print(f"written: {args.output}")
    return 0
