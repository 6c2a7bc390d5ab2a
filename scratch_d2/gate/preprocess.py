"""From a photograph of any size to the strip the gate looks at; travels with the weights."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from scratch_d2.structures.images import check_rgb
from scratch_d2.utils.opencv import cv2

# Strips end at whole places of the coarsest features that the gate judges.
STRIDE = 32


@dataclass(frozen=True)
class Preprocessing:
    """How the gate sees an image: lying, its longer side of a fixed length, centred in a strip.

    Labels come at any rotation, so nothing is lost by turning those that stand; and since most are
    long, a strip takes half the work of a square.

    Attributes:
        image_size: length of the strip in pixels. Its height is that of the scaled image, rounded
            up to a multiple of STRIDE, and at most image_size.
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

    def height_of(self, height: int, width: int) -> int:
        """Return the height of the strip for an image of `height` x `width` pixels."""
        short = self._scaled(height, width)[0]
        return min(self.image_size, -(-short // STRIDE) * STRIDE)

    def letterbox(self, image: np.ndarray) -> np.ndarray:
        """Fit an HxWx3 uint8 RGB image into the middle of its strip, keeping its aspect.

        An image that is higher than wide is turned by 90 degrees, counterclockwise.

        Returns a new [height, image_size, 3] uint8 array. Raises ValueError for any other kind of
        array.
        """
        check_rgb(image)
        return self._fit(image, self.fill)

    def letterbox_mask(self, mask: np.ndarray) -> np.ndarray:
        """Fit an HxW bool mask as `letterbox` fits its image, [height, image_size] uint8.

        255 is scratch; where several pixels fall into one, their share.
        """
        return self._fit(mask.astype(np.uint8) * 255, 0)

    def _scaled(self, height: int, width: int) -> tuple[int, int]:
        """Return the shorter and the longer side behind scaling."""
        scale = self.image_size / max(height, width)
        return max(1, round(min(height, width) * scale)), self.image_size

    def _fit(self, array: np.ndarray, fill: int) -> np.ndarray:
        height, width = array.shape[:2]
        short, long = self._scaled(height, width)
        # Area averaging keeps lines thinner than a pixel visible when shrinking.
        method = cv2.INTER_AREA if long < max(height, width) else cv2.INTER_LINEAR
        size = (short, long) if height > width else (long, short)
        lying = cv2.resize(array, size, interpolation=method)
        if height > width:
            lying = np.rot90(lying)
        strip = np.full((self.height_of(height, width), long, *array.shape[2:]), fill, np.uint8)
        top = (len(strip) - short) // 2
        strip[top : top + short] = lying
        return strip

    def normalise(self, strips: torch.Tensor) -> torch.Tensor:
        """Turn [N, 3, H, W] uint8 RGB into float32 with the mean and deviation of ImageNet."""
        shape = (1, 3, 1, 1)
        mean = torch.tensor(self.mean, device=strips.device).view(shape)
        std = torch.tensor(self.std, device=strips.device).view(shape)
        return (strips.float() / 255 - mean) / std
