"""What both engines agree on: an engine trains, loads, evaluates, launches; a detector predicts."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from fvcore.common.config import CfgNode


@dataclass(frozen=True, eq=False)
class Prediction:
    """The scratches a detector found in one image of `height` x `width` pixels.

    Attributes:
        boxes: [N, 4] float32, XYXY in pixels of the original image.
        scores: [N] float32 in 0..1, descending.
        masks: N masks as COCO RLE `{"size": [height, width], "counts": str}`.

    Raises ValueError where these do not hold.
    """

    height: int
    width: int
    boxes: np.ndarray
    scores: np.ndarray
    masks: list[dict]

    def __post_init__(self) -> None:
        count = len(self.scores)
        if self.boxes.shape != (count, 4) or self.boxes.dtype != np.float32:
            raise ValueError(
                f"boxes must be float32 of shape ({count}, 4), one per score, but got "
                f"{self.boxes.dtype} of shape {self.boxes.shape}"
            )
        if self.scores.shape != (count,) or self.scores.dtype != np.float32:
            raise ValueError(
                f"scores must be float32 of shape (N,), but got {self.scores.dtype} of shape "
                f"{self.scores.shape}"
            )
        if not np.all((self.scores >= 0) & (self.scores <= 1)) or np.any(np.diff(self.scores) > 0):
            raise ValueError(f"scores must lie in 0..1 and descend, but got {self.scores}")
        if not np.isfinite(self.boxes).all():
            raise ValueError(f"boxes must be finite, but got {self.boxes}")
        sizes = [list(mask["size"]) for mask in self.masks]
        if sizes != [[self.height, self.width]] * count:
            raise ValueError(
                f"masks must be {count} RLEs of size [{self.height}, {self.width}], but got {sizes}"
            )

    @classmethod
    def empty(cls, height: int, width: int) -> "Prediction":
        """Return the prediction of an image without scratches."""
        return cls(height, width, np.zeros((0, 4), np.float32), np.zeros(0, np.float32), [])

    def __len__(self) -> int:
        return len(self.scores)


def group_by_padding(sizes: Sequence[tuple[int, int]], step: int) -> list[list[int]]:
    """Group the indices of (height, width) sizes that are equal once rounded up to `step`.

    A network sees the padding of its batch. Images that need the same padding may share one, so
    that no result depends on the company of other images.
    """
    groups: dict[tuple[int, int], list[int]] = {}
    for index, (height, width) in enumerate(sizes):
        groups.setdefault((-(-height // step), -(-width // step)), []).append(index)
    return list(groups.values())


class Detector(Protocol):
    """Find scratches in a batch of images; holds no state between calls."""

    def __call__(self, images: list[np.ndarray]) -> list[Prediction]:
        """Predict for HxWx3 uint8 RGB images of any sizes; the order is kept."""


class Engine(Protocol):
    """Train and run the detector of a config; `cfg` is what `load_config` returns."""

    name: str

    def train(self, cfg: CfgNode, resume: bool = False) -> Path:
        """Train on cfg.DATASETS.TRAIN, write cfg.OUTPUT_DIR, return the final checkpoint."""

    def load(self, cfg: CfgNode, weights: str | Path, precision: str = "exact") -> Detector:
        """Return a detector with the weights of a checkpoint written by either engine.

        Args:
            precision: "exact" computes as in training and evaluation; "float32" and "bfloat16"
                are faster and find nearly the same, see `scratch_d2.precision`.
        """

    def evaluate(self, cfg: CfgNode, weights: str | Path) -> dict[str, dict[str, float]]:
        """Evaluate a checkpoint on cfg.DATASETS.TEST as in training; bbox, segm and image."""

    def launch(self, main: Callable[[argparse.Namespace], object], args: argparse.Namespace):
        """Run `main(args)` in as many processes as num_gpus and num_machines of `args` ask for."""
