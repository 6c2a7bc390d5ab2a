"""Write the embedded detector as ONNX: from a resized image to boxes, scores and masks."""

import json
from functools import partial
from pathlib import Path

import torch
from fvcore.common.config import CfgNode
from torch import nn
from torchvision.ops import nms

from scratch_d2.checkpoints.loading import load_weights
from scratch_d2.engines.embedded.model import MaskRCNN
from scratch_d2.engines.embedded.settings import check_settings
from scratch_d2.engines.finite import HEADS, flat_tensors
from scratch_d2.utils.onnx_files import add_metadata, import_onnx, trace_to_onnx

INPUT, OUTPUTS = "images", ("boxes", "scores", "masks", "finite")
RESIZE = (
    "scale the shorter side to min_size with Pillow's bilinear filter, or the longer one to "
    "max_size if it would pass that; a min_size of 0 keeps the size; RGB, uint8, channels first"
)


class DetectorGraph(nn.Module):
    """The detector as one function of a tensor, as exporters want it."""

    def __init__(self, cfg: CfgNode, model: MaskRCNN) -> None:
        super().__init__()
        self.model, self.swap = model, cfg.INPUT.FORMAT == "BGR"
        self.sound: list[torch.Tensor] = []
        model.proposal_generator.nms = partial(_nms_by_level, len(cfg.MODEL.RPN.IN_FEATURES))
        for name, part in model.named_modules():
            if HEADS.fullmatch(name):
                part.register_forward_hook(self._note)

    def _note(self, part: nn.Module, inputs: object, output: object) -> None:
        self.sound += [tensor.isfinite().all() for tensor in flat_tensors(output)]

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Detect in one resized image, [1, 3, H, W] uint8 RGB.

        Returns boxes [N, 4] float32 XYXY in its pixels, scores [N] in 0..1, descending, masks
        [N, S, S] of probabilities inside the boxes, and whether all heads gave finite numbers.
        """
        self.sound.clear()
        if self.swap:
            images = images[:, [2, 1, 0]]
        found = self.model.detect([images[0]])[0]
        return found.boxes, found.scores, found.masks, torch.stack(self.sound).all()


def _nms_by_level(
    count: int, boxes: torch.Tensor, scores: torch.Tensor, levels: torch.Tensor, threshold: float
) -> torch.Tensor:
    """Suppress doubles within each of `count` levels; returns what is kept, best first.

    Torchvision's batched_nms picks one of two ways by the number of boxes; a trace cannot.
    """
    kept = []
    for level in range(count):
        rows = (levels == level).nonzero()[:, 0]
        kept.append(rows[nms(boxes[rows], scores[rows], threshold)])
    indices = torch.cat(kept)
    return indices[scores[indices].argsort(descending=True)]


def write_detector(cfg: CfgNode, weights: str | Path, path: Path) -> None:
    """Write a detector's checkpoint as an ONNX file; it is not compared with torch.

    The file takes `images` and returns `boxes`, `scores`, `masks` and `finite`, as
    `DetectorGraph.forward`, for any height and width. Its metadata hold "preprocessing" as JSON,
    and "resize", which says in words how to resize.

    Raises:
        ImportError: onnx or onnxruntime is not installed.
        ValueError: the config has keys that the embedded engine does not honour, by name, or the
            weights do not fit. FileNotFoundError if there are none.
    """
    import_onnx()
    check_settings(cfg, training=False)
    model = MaskRCNN(cfg)
    load_weights(model, weights)
    graph = DetectorGraph(cfg, model.eval())
    axes = {INPUT: {2: "height", 3: "width"}, **{name: {0: "count"} for name in OUTPUTS[:3]}}
    trace_to_onnx(graph, _example(), path, INPUT, OUTPUTS, axes)
    preprocessing = json.dumps(detector_input(cfg))
    add_metadata(path, {"preprocessing": preprocessing, "resize": RESIZE})


def detector_input(cfg: CfgNode) -> dict[str, int]:
    """Return how images are resized for a detector: {"min_size": px, "max_size": px}."""
    return {"min_size": cfg.INPUT.MIN_SIZE_TEST, "max_size": cfg.INPUT.MAX_SIZE_TEST}


def _example() -> torch.Tensor:
    """Return an image to trace with: neither square nor a multiple of anything."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (1, 3, 147, 203), dtype=torch.uint8, generator=generator)
