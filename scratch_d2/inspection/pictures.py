"""Overlays and masks as files: which ones are wanted, what they are called."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scratch_d2.inspection.inputs import Source
from scratch_d2.inspection.inspector import Inspection
from scratch_d2.inspection.overlay import draw_overlay
from scratch_d2.inspection.rows import writing
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.structures.verdict import scratch_mask
from scratch_d2.utils.opencv import cv2

FOLDERS = ("overlays", "masks")
WORDS = (*FOLDERS, "none", "all", "bad")
# Half the time of Pillow at its fastest, for files of the same size. Older releases of OpenCV do
# not know IMWRITE_PNG_FILTER (19) and pass over it.
FAST_PNG = (
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_DEFAULT),
    *(getattr(cv2, "IMWRITE_PNG_FILTER", 19), getattr(cv2, "IMWRITE_PNG_FILTER_UP", 32)),
)


@dataclass(frozen=True)
class Pictures:
    """Which pictures are saved.

    Attributes:
        kinds: some of "overlays" and "masks".
        of_good: of Good images too, not only of those that are Bad or for review.
    """

    kinds: tuple[str, ...] = FOLDERS
    of_good: bool = False

    @classmethod
    def parse(cls, text: str) -> "Pictures":
        """Read words joined by commas: overlays, masks (neither: both), none; all, bad (default).

        Raises ValueError naming a word that is not accepted, or two that contradict each other.
        """
        words = [word.strip() for word in text.split(",")]
        for word in words:
            if word not in WORDS:
                raise ValueError(f"{word!r} is not accepted; accepted are {', '.join(WORDS)}")
        if ("none" in words and len(set(words)) > 1) or {"all", "bad"} <= set(words):
            raise ValueError(f"{text!r} contradicts itself")
        kinds = tuple(kind for kind in FOLDERS if kind in words) or FOLDERS
        return cls(() if "none" in words else kinds, "all" in words)

    def __str__(self) -> str:
        return ",".join((*self.kinds, "all" if self.of_good else "bad")) if self.kinds else "none"

    def save(
        self,
        folder: Path,
        image_id: int,
        source: Source,
        image: np.ndarray,
        inspection: Inspection,
        thresholds: Thresholds,
    ) -> dict[str, str]:
        """Write the wanted pictures of an image, HxWx3 uint8 RGB, below a results folder.

        Returns {"overlay": path, "mask": path} relative to the folder, of those that were written.
        """
        if inspection.verdict.label == "good" and not self.of_good:
            return {}
        name, written = picture_name(image_id, source.path), {}
        if "overlays" in self.kinds:
            overlay = draw_overlay(image, inspection.prediction, inspection.verdict, thresholds)
            written["overlay"] = f"overlays/{name}"
            _save(overlay, folder / written["overlay"])
        if "masks" in self.kinds:
            mask = scratch_mask(inspection.prediction, thresholds)
            written["mask"] = f"masks/{name}"
            _save(mask.astype(np.uint8) * 255, folder / written["mask"])
        return written


def picture_name(image_id: int, file: Path) -> str:
    """Name the overlay and mask of a file: unique by its id, safe on every file system."""
    return f"{image_id:06d}_{re.sub(r'[^A-Za-z0-9._-]+', '_', file.stem)[:100]}.png"


def _save(array: np.ndarray, path: Path) -> None:
    """Write HxWx3 uint8 RGB or HxW uint8."""
    bgr = cv2.cvtColor(array, cv2.COLOR_RGB2BGR) if array.ndim == 3 else array
    _, encoded = cv2.imencode(".png", bgr, FAST_PNG)
    with writing(path), open(path, "wb") as file:
        file.write(encoded)
        # A row must not outlive a power failure that its pictures do not.
        file.flush()
        os.fsync(file.fileno())
