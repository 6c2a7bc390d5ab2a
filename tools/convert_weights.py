#!/usr/bin/env python3
"""Start a detector from a ResNet-50 or a gate, take the ResNet-50 out of one, hand a model on.

tools/convert_weights.py resnet50.pth output/start.pth --to detector
tools/convert_weights.py output/detector/model_best.pth resnet50.pth --to resnet
tools/convert_weights.py output/detector/model_best.pth weights/detector.pth --to release

Accepted are ResNet-50, 101 and 152 of torchvision and timm (.pth, .bin, .safetensors), gates,
detectors of either engine, and Mask R-CNN of Detectron2's model zoo (.pkl).
"""

import argparse

from scratch_d2.cli.common import run


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", help="weights to read")
    parser.add_argument("target", help="file to write")
    parser.add_argument("--to", required=True, help="detector, resnet or release")
    args = parser.parse_args()

    from scratch_d2.checkpoints.convert import convert_weights

    count = convert_weights(args.source, args.target, args.to)
    print(f"written: {args.target}, {count} tensors")
    if args.to == "detector":
        print(f"use:     MODEL.WEIGHTS {args.target}, with configs/Base-Scratch-RCNN-FPN.yaml")
    elif args.to == "resnet":
        print("use:     load_state_dict(torch.load(...), strict=False); its fc is not in the file")
    return 0


if __name__ == "__main__":
    run(main)
