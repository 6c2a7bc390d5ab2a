"""Letterboxing: from a photograph of any size to the input of the gate; saved with the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scratch_d2.structures.images import check_rgb
from scratch_d2.structures.resizing import shrink
from scratch_d2.utils.opencv import cv2

if TYPE_CHECKING:
    import torch

# Of ImageNet's photographs, as timm has them.
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# The stride of the coarsest features of the gate; heights are multiples of it.
STRIDE = 32
# What `letterbox` does, in words, for those who run an exported gate.
LETTERBOX = (
    "scale the longer side to image_size (area averaging when shrinking, else bilinear), turn what "
    "is higher than wide by 90 degrees counterclockwise, centre it vertically on grey level fill, "
    "image_size wide and the next multiple of 32 high, at most image_size; RGB, uint8, channels "
    "first"
)


@dataclass(frozen=True)
class Preprocessing:
    """How an image is letterboxed: turned to landscape, scaled to a fixed width, padded.

    Labels come at any rotation, so turning them loses nothing. Most are long, so a letterboxed
    image takes half the work of a square.

    Attributes:
        image_size: width of letterboxed images in pixels. Their height is that of the scaled image,
            rounded up to a multiple of STRIDE, and at most image_size.
        mean, std: per RGB channel, of values scaled to 0..1.
        fill: grey level 0..255 of the padding. The default is white, like most labels. Repeating
            the edge would pull clipped characters into parallel lines, which look like scratches,
            and a colour taken from the image would give its border away.
    """

    image_size: int = 224
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    fill: int = 255

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Preprocessing:
        """Rebuild from `to_dict`. Raises ValueError for keys that this version does not know."""
        try:
            fields: dict[str, Any] = {
                k: tuple(v) if k in ("mean", "std") else v for k, v in values.items()
            }
            return cls(**fields)
        except TypeError as error:
            accepted = ", ".join(cls.__dataclass_fields__)
            raise ValueError(
                f"preprocessing {dict(values)}: {error}; known are {accepted}"
            ) from None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that a checkpoint can hold."""
        return asdict(self)

    def height_of(self, height: int, width: int) -> int:
        """Return the letterboxed height of an image of `height` x `width` pixels."""
        short = self._scaled(height, width)[0]
        return min(self.image_size, -(-short // STRIDE) * STRIDE)

    def letterbox(self, image: np.ndarray) -> np.ndarray:
        """Letterbox an HxWx3 uint8 RGB image, keeping its aspect ratio.

        An image that is higher than wide is turned by 90 degrees counterclockwise.

        Returns a new [height, image_size, 3] uint8 array. Raises ValueError for any other kind of
        array.
        """
        check_rgb(image)
        return self._fit(image, self.fill)

    def letterbox_mask(self, mask: np.ndarray) -> np.ndarray:
        """Letterbox an HxW bool mask like its image; returns [height, image_size] uint8.

        255 is scratch. Where the mask is scaled down, a value is the share of scratched pixels.
        """
        return self._fit(mask.astype(np.uint8) * 255, 0)

    def undo_letterbox(self, values: np.ndarray, height: int, width: int) -> np.ndarray:
        """Bring a map over a letterboxed image, float32, back to `height` x `width` pixels."""
        short, _ = self._scaled(height, width)
        top = (len(values) - short) // 2
        inner = values[top : top + short]
        if height > width:
            inner = np.rot90(inner, -1)
        return cv2.resize(np.ascontiguousarray(inner), (width, height))

    def _scaled(self, height: int, width: int) -> tuple[int, int]:
        """Return the shorter and the longer side after scaling."""
        scale = self.image_size / max(height, width)
        return max(1, round(min(height, width) * scale)), self.image_size

    def _fit(self, array: np.ndarray, fill: int) -> np.ndarray:
        height, width = array.shape[:2]
        short, long = self._scaled(height, width)
        size = (long, short) if height > width else (short, long)
        if long < max(height, width):
            # Area averaging keeps lines thinner than a pixel visible.
            scaled = shrink(array, size)
        else:
            scaled = cv2.resize(array, size[::-1], interpolation=cv2.INTER_LINEAR)
        if height > width:
            scaled = np.rot90(scaled)
        shape = self.height_of(height, width), long, *array.shape[2:]
        letterboxed = np.full(shape, fill, np.uint8)
        top = (len(letterboxed) - short) // 2
        letterboxed[top : top + short] = scaled
        return letterboxed

    def normalise(self, letterboxed: torch.Tensor) -> torch.Tensor:
        """Turn [N, 3, H, W] uint8 RGB into float32 with the mean and deviation of ImageNet."""
        import torch

        shape = (1, 3, 1, 1)
        mean = torch.tensor(self.mean, device=letterboxed.device).view(shape)
        std = torch.tensor(self.std, device=letterboxed.device).view(shape)
        return (letterboxed.float() / 255 - mean) / std
