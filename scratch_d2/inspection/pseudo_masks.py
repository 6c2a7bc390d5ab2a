"""Mark scratches on Bad photographs without a mask: detections that the gate confirms."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np

from scratch_d2.data.images import read_image
from scratch_d2.data.pseudo_masks import with_pseudo_mask
from scratch_d2.engines.base import Detector
from scratch_d2.structures.dataset_dict import has_unknown_scratches
from scratch_d2.structures.masks import decode_rle, union_of_rles
from scratch_d2.utils.progress import track

# A detection is believed from this score on; those of lower scores, which are more, teach the
# detector to see scratches where there are none (docs/benchmarks/fine_tuning.md) ...
MIN_SCORE = 0.5
# ... if the gate, too, calls some place in its mask Bad.
MIN_PROBABILITY = 0.5


class PatchGate(Protocol):
    """What of a gate is used here."""

    def patch_map(self, image: np.ndarray) -> np.ndarray:
        """Return p(Bad) of each place of an HxWx3 uint8 RGB image, HxW float32."""


def find_pseudo_masks(
    gate: PatchGate, detector: Detector, dicts: Iterable[Mapping[str, Any]], white_level: float = 0
) -> list[dict[str, Any]]:
    """Return the Bad images without a mask on which gate and detector agree about the scratch.

    Args:
        dicts: dataset dicts; Good images and images with masks are passed over.
        white_level: SCRATCH.WHITE_LEVEL.

    Returns the dicts with their pseudo-masks as annotations; images without any are left out.
    """
    marked = []
    for item in track([d for d in dicts if has_unknown_scratches(d)], "marking scratches"):
        image = read_image(item["file_name"], white_level)
        (prediction,) = detector([image])
        places = gate.patch_map(image) >= MIN_PROBABILITY
        rles = [
            rle
            for rle, score in zip(prediction.masks, prediction.scores, strict=True)
            if score >= MIN_SCORE and (decode_rle(rle).astype(bool) & places).any()
        ]
        if rles:
            mask = union_of_rles(rles, item["height"], item["width"])
            marked.append(with_pseudo_mask(item, mask))
    return marked
