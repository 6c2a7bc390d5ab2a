"""What a detector found in one image, whichever engine runs it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Prediction:
    """The scratches a detector found in one image of `height` x `width` pixels.

    Attributes:
        boxes: [N, 4] float32, XYXY in pixels of the original image.
        scores: [N] float32 in 0..1, descending.
        masks: N masks as COCO RLE `{"size": [height, width], "counts": str}`.

    Raises ValueError if these do not hold.

    >>> from scratch_d2.structures.masks import encode_rle
    >>> mask = np.zeros((4, 6), bool)
    >>> mask[1:3, 2:5] = True
    >>> boxes, scores = np.array([[2, 1, 5, 3]], np.float32), np.array([0.9], np.float32)
    >>> len(Prediction(4, 6, boxes, scores, [encode_rle(mask)]))
    1
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
        """Return the prediction of an image without scratches.

        >>> len(Prediction.empty(4, 6))
        0
        """
        return cls(height, width, np.zeros((0, 4), np.float32), np.zeros(0, np.float32), [])

    def __len__(self) -> int:
        return len(self.scores)
