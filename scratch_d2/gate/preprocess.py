"""From a photograph of any size to the square the gate looks at; travels with the weights."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from scratch_d2.data.images import check_rgb
from scratch_d2.opencv import cv2


@dataclass(frozen=True)
class Preprocessing:
    """How the gate sees an image.

    Attributes:
        image_size: side of the square in pixels.
        mean, std: per RGB channel, of values scaled to 0..1.
        fill: grey level 0..255 of the padding. White, as most labels are: repeating the edge
            would pull clipped characters into bundles of parallel lines, which is what scratches
            look like, and a colour taken from the image would tell the gate about its border.
    """

    image_size: int = 224
    mean: tuple[float, float, float] = IMAGENET_DEFAULT_MEAN
    std: tuple[float, float, float] = IMAGENET_DEFAULT_STD
    fill: int = 255

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Preprocessing":
        """Rebuild from `to_dict`. Raises ValueError for keys that this version does not know."""
        try:
            return cls(**{k: tuple(v) if k in ("mean", "std") else v for k, v in values.items()})
        except TypeError as error:
            accepted = ", ".join(cls.__dataclass_fields__)
            raise ValueError(
                f"preprocessing {dict(values)}: {error}; known are {accepted}"
            ) from None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that a checkpoint can hold."""
        return asdict(self)

    def letterbox(self, image: np.ndarray) -> np.ndarray:
        """Fit an HxWx3 uint8 RGB image into the middle of a square, keeping its aspect.

        Returns a new [image_size, image_size, 3] uint8 array. Raises ValueError for any other
        kind of array.
        """
        check_rgb(image)
        return self._fit(image, self.fill)

    def letterbox_mask(self, mask: np.ndarray) -> np.ndarray:
        """Fit an HxW bool mask as `letterbox` fits its image, [image_size, image_size] uint8.

        255 is scratch; where several pixels fall into one, their share.
        """
        return self._fit(mask.astype(np.uint8) * 255, 0)

    def _fit(self, array: np.ndarray, fill: int) -> np.ndarray:
        size = self.image_size
        scale = size / max(array.shape[:2])
        height, width = (max(1, round(side * scale)) for side in array.shape[:2])
        # Area averaging keeps lines thinner than a pixel visible when shrinking.
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        top, left = (size - height) // 2, (size - width) // 2
        square = np.full((size, size, *array.shape[2:]), fill, np.uint8)
        square[top : top + height, left : left + width] = cv2.resize(
            array, (width, height), interpolation=method
        )
        return square

    def normalise(self, squares: torch.Tensor) -> torch.Tensor:
        """Turn [N, 3, S, S] uint8 RGB into float32 with the mean and deviation of ImageNet."""
        shape = (1, 3, 1, 1)
        mean = torch.tensor(self.mean, device=squares.device).view(shape)
        std = torch.tensor(self.std, device=squares.device).view(shape)
        return (squares.float() / 255 - mean) / std
