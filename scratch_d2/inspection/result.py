"""The verdict on one photograph, with the scratches behind it as arrays and as a picture."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from scratch_d2.data.coco import to_coco_results
from scratch_d2.inspection.overlay import draw_overlay
from scratch_d2.structures.areas import counts
from scratch_d2.structures.masks import decode_rle
from scratch_d2.structures.prediction import Prediction
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.structures.verdict import Verdict

if TYPE_CHECKING:
    import supervision


@dataclass(frozen=True, eq=False)
class Inspection:
    """What an inspection says of one photograph.

    Attributes:
        verdict: label, area, p_bad and reason.
        prediction: all detections, whatever their score; empty if the detector was not asked.
        thresholds: those that judged.
        image: the photograph, HxWx3 uint8 RGB, or None if it was not kept.
        path: its file, or None if it came as an array.
    """

    verdict: Verdict
    prediction: Prediction
    thresholds: Thresholds = field(default_factory=Thresholds)
    image: np.ndarray | None = field(default=None, repr=False)
    path: Path | None = None

    @property
    def label(self) -> str:
        """ "good", "bad" or "review"."""
        return self.verdict.label

    @property
    def area(self) -> float:
        """Scratch area in the unit of the thresholds."""
        return self.verdict.area

    @property
    def p_bad(self) -> float | None:
        """Score of the gate in 0..1, or None without a gate."""
        return self.verdict.p_bad

    @property
    def reason(self) -> str:
        """One sentence on why the label was given."""
        return self.verdict.reason

    @property
    def boxes(self) -> np.ndarray:
        """[N, 4] float32, XYXY in pixels, of the N scratches that count for the area."""
        return self.prediction.boxes[self._counted]

    @property
    def scores(self) -> np.ndarray:
        """[N] float32 in 0..1, descending, of the scratches that count for the area."""
        return self.prediction.scores[self._counted]

    @cached_property
    def masks(self) -> np.ndarray:
        """[N, H, W] bool, of the scratches that count for the area."""
        size = self.prediction.height, self.prediction.width
        masks = [decode_rle(self.prediction.masks[index]) for index in self._counted]
        return np.stack(masks) if masks else np.zeros((0, *size), bool)

    @cached_property
    def _counted(self) -> np.ndarray:
        return np.flatnonzero(counts(self.prediction, self.thresholds))

    def plot(self) -> np.ndarray:
        """Return the photograph with verdict and scratches drawn over it, HxWx3 uint8 RGB.

        Small photographs are enlarged. Raises ValueError if the photograph was not kept.
        """
        if self.image is None:
            raise ValueError("the photograph was not kept with this inspection; inspect it again")
        return draw_overlay(self.image, self.prediction, self.verdict, self.thresholds)

    def to_dict(self) -> dict[str, Any]:
        """Return the inspection as plain values, ready for JSON; masks as COCO RLE."""
        return {
            "file": None if self.path is None else str(self.path),
            "label": self.label,
            "area": self.area,
            "area_unit": self.thresholds.area_unit,
            "p_bad": self.p_bad,
            "reason": self.reason,
            "width": self.prediction.width,
            "height": self.prediction.height,
            "boxes": self.boxes.tolist(),
            "scores": self.scores.tolist(),
            "masks": [self.prediction.masks[index] for index in self._counted],
        }

    def to_coco(self, image_id: int = 0) -> list[dict[str, Any]]:
        """Return all detections as COCO result entries, boxes as XYWH."""
        return to_coco_results(image_id, self.prediction)

    def to_supervision(self) -> supervision.Detections:
        """Return the scratches that count as `supervision.Detections`, with class_id 0.

        Raises ImportError with the pip command if supervision is not installed.
        """
        try:
            import supervision
        except ImportError:
            raise ImportError("to_supervision() needs: pip install supervision") from None
        return supervision.Detections(
            xyxy=self.boxes,
            mask=self.masks,
            confidence=self.scores,
            class_id=np.zeros(len(self.scores), int),
        )

    def _repr_png_(self) -> bytes | None:
        """Show the plot in a notebook."""
        if self.image is None:
            return None
        buffer = io.BytesIO()
        Image.fromarray(self.plot()).save(buffer, "PNG")
        return buffer.getvalue()
