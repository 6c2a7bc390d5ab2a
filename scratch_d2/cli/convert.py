"""Convert weights: make a detector of a ResNet, take the ResNet out, keep what a release needs.

    scratch-d2 convert run/detector/model_final.pth detector.pth --to release
    scratch-d2 convert run/detector/model_final.pth resnet50.pth --to resnet
    scratch-d2 convert resnet50.pth start.pth --to detector

Accepted are ResNet-50, 101 and 152 of torchvision and timm (.pth, .bin, .safetensors), gates,
detectors of either engine, and Mask R-CNN of Detectron2's model zoo (.pkl).
"""

from collections.abc import Sequence

from scratch_d2.cli.common import command_parser


def main(argv: Sequence[str] | None = None) -> int:
    parser = command_parser("convert", __doc__)
    parser.add_argument("source", metavar="SOURCE", help="weights to read")
    parser.add_argument("target", metavar="TARGET", help="file to write")
    parser.add_argument("--to", required=True, help="detector, resnet or release")
    args = parser.parse_args(argv)

    from scratch_d2.checkpoints.convert import convert_weights

    count = convert_weights(args.source, args.target, args.to)
    print(f"written: {args.target}, {count} tensors")
    if args.to == "detector":
        print(f"use:     MODEL.WEIGHTS {args.target}, with configs/Base-Scratch-RCNN-FPN.yaml")
    elif args.to == "resnet":
        print("use:     load_state_dict(torch.load(...), strict=False); its fc is not in the file")
    return 0
