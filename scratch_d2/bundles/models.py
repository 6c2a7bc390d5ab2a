"""Gate and detector of a bundle, with the contracts of those that run on torch."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from scratch_d2.bundles.sessions import Session
from scratch_d2.gate.familiarity import Familiarity
from scratch_d2.gate.preprocess import STRIDE, Preprocessing
from scratch_d2.structures.images import check_rgb
from scratch_d2.structures.masks import encode_rle_part
from scratch_d2.structures.pasting import paste_mask
from scratch_d2.structures.prediction import Prediction
from scratch_d2.structures.resizing import resize, resized_shape
from scratch_d2.utils.batching import group_by_padding

GATE_BATCH = 8


class BundleGate:
    """Scores images as `scratch_d2.gate.Gate` does; holds no state between calls.

    Attributes:
        info: the metadata of the checkpoint.
        familiarity: what the features of Good training images look like; None if not known.
    """

    def __init__(
        self,
        session: Session,
        info: Mapping[str, Any],
        familiarity: Familiarity | None = None,
        batch_size: int = GATE_BATCH,
    ) -> None:
        self.session, self.info, self.batch_size = session, dict(info), batch_size
        self.familiarity = familiarity
        self.preprocessing = Preprocessing.from_dict(info["preprocessing"])

    def __call__(self, images: list[np.ndarray]) -> np.ndarray:
        """Return p(Bad) [N] float32 of N images, HxWx3 uint8 RGB of any sizes.

        Raises ValueError for an array of another kind, FloatingPointError if a score is no
        finite number.
        """
        return self.look(images)[0]

    def look(self, images: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return p(Bad) [N] and features [N, C], float32, of N images, as a call takes them."""
        letterboxed = [self.preprocessing.letterbox(image) for image in images]
        p_bad, features = np.zeros(len(images), np.float32), [np.zeros(0, np.float32)] * len(images)
        for members in group_by_padding([each.shape[:2] for each in letterboxed], STRIDE):
            for start in range(0, len(members), self.batch_size):
                chunk = members[start : start + self.batch_size]
                stacked = np.stack([letterboxed[index] for index in chunk])
                p_bad[chunk], found = self.session(_channels_first(stacked))
                for index, row in zip(chunk, found, strict=True):
                    features[index] = row
        if not np.isfinite(p_bad).all():
            index = int(np.flatnonzero(~np.isfinite(p_bad))[0])
            raise FloatingPointError(
                f"the gate's score of image {index} is {p_bad[index]:g}, no finite number; the "
                "bundle is damaged"
            )
        return p_bad, np.stack(features) if images else np.zeros((0, 0), np.float32)


class BundleDetector:
    """Finds scratches as an `Engine.load`ed detector does; holds no state between calls."""

    def __init__(self, session: Session, min_size: int, max_size: int) -> None:
        self.session, self.min_size, self.max_size = session, min_size, max_size

    def __call__(self, images: list[np.ndarray]) -> list[Prediction]:
        """Predict for HxWx3 uint8 RGB images of any sizes, one by one; the order is kept.

        Raises ValueError for an array of another kind, FloatingPointError if the network
        overflows.
        """
        return [self._detect(image) for image in images]

    def _detect(self, image: np.ndarray) -> Prediction:
        check_rgb(image)
        size = image.shape[:2]
        seen = resized_shape(size, self.min_size, self.max_size)
        resized = resize(image, seen)
        boxes, scores, masks, finite = self.session(_channels_first(resized[None]))
        if not finite:
            raise FloatingPointError(
                "the detector returns values that are no finite numbers (NaN or infinity) for an "
                "image; the bundle is damaged"
            )
        return to_prediction(boxes, scores, masks, seen, size)


def to_prediction(
    boxes: np.ndarray,
    scores: np.ndarray,
    masks: np.ndarray,
    seen: tuple[int, int],
    size: tuple[int, int],
) -> Prediction:
    """Scale detections from the size the network saw to the size of the photograph.

    Boxes that are empty there are dropped.

    Args:
        boxes, scores, masks: [N, 4], [N] and [N, S, S] float32, as the exported detector returns.
    """
    height, width = size
    scale = np.array([width / seen[1], height / seen[0]] * 2, np.float32)
    boxes = np.clip(boxes * scale, 0, np.array([width, height] * 2, np.float32))
    keep = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    boxes, masks = boxes[keep], masks[keep]
    rles = [encode_rle_part(*paste_mask(mask, box, size), size) for mask, box in zip(masks, boxes)]
    return Prediction(height, width, boxes, scores[keep], rles)


def _channels_first(images: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))
