"""Read mask files of any kind as HxW bool, and say how each was understood."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from scratch_d2.data.decoding import Decoded
from scratch_d2.data.images import read_file
from scratch_d2.structures.images import WHITES, check_finite

CLEAR = 0  # the alpha of a pixel that is not there


class MaskReading(NamedTuple):
    """A mask and how it was understood.

    Attributes:
        mask: HxW bool, True on scratches.
        kind: which pixels were taken for scratches, such as "grey above 127".
        brightest: the highest level in the file, or the highest index of a palette.
    """

    mask: np.ndarray
    kind: str
    brightest: float


def read_mask(path: str | Path, threshold: int = 127) -> np.ndarray:
    """Read a mask file as HxW bool.

    - Of a palette, all colours but the background's are scratch. That is black if black is
      among the used colours, else index 0; and index 0 if all but black is most of the image.
    - Of an image of two levels, the higher one is scratch.
    - Of a layer painted on a clear ground, what is not clear; of black and white in it, the white.
    - Of any other, what is above the threshold; of colours the brightest channel counts.

    Args:
        threshold: grey level in 0..255 above which a pixel is scratch; deeper images are scaled by
            the least of `WHITES`, or 1 for floats, that holds their highest level.

    Raises FileNotFoundError or ImageError, both naming the file.
    """
    return read_mask_kind(path, threshold).mask


def read_mask_kind(path: str | Path, threshold: int = 127) -> MaskReading:
    """Read a mask file as `read_mask` does, and say how it was understood."""
    return read_file(path, lambda decoded: _to_reading(decoded, threshold))


def _to_reading(decoded: Decoded, threshold: int) -> MaskReading:
    image, deep, _ = decoded
    if deep is not None:
        return _by_level(deep if deep.ndim == 2 else deep[..., :3].max(axis=2), threshold)
    if image.mode == "P":
        return _by_palette(image)
    image.info.pop("transparency", None)  # as of photographs
    if image.mode in ("1", "L"):
        return _by_level(np.asarray(image.convert("L")), threshold)
    if image.mode in ("LA", "RGBA"):
        pixels = np.asarray(image)
        alpha = pixels[..., -1]
        if alpha.min() != alpha.max():
            return _by_alpha(pixels[..., :-1].max(axis=2), alpha, threshold)
    return _by_level(np.asarray(image.convert("RGB")).max(axis=2), threshold)


def _by_palette(image: Image.Image) -> MaskReading:
    indices = np.asarray(image)
    used = np.flatnonzero(np.bincount(indices.ravel(), minlength=256))
    colours = np.array(image.getpalette("RGB") or [0], np.uint8)
    colours = np.resize(colours, (256, 3)) if len(colours) < 3 else colours.reshape(-1, 3)
    black = [int(i) for i in used if i < len(colours) and not colours[i].any()]
    brightest = float(used.max(initial=0))
    if len(black) == 1 and black[0] != 0:
        mask = indices != black[0]
        if 2 * np.count_nonzero(mask) <= mask.size:
            return MaskReading(mask, "palette, all but black", brightest)
    return MaskReading(indices != 0, "palette, all but index 0", brightest)


def _by_alpha(grey: np.ndarray, alpha: np.ndarray, threshold: int) -> MaskReading:
    painted, brightest = alpha > threshold, float(alpha.max())
    inside = grey[alpha > CLEAR]
    if inside.min() <= threshold < inside.max():
        return MaskReading(painted & (grey > threshold), "white of what is not clear", brightest)
    return MaskReading(painted, "what is not clear", brightest)


def _by_level(grey: np.ndarray, threshold: int) -> MaskReading:
    lowest, brightest = check_finite(grey)
    if lowest < brightest and ((grey == lowest) | (grey == brightest)).all():
        kind = f"level {brightest:g} of {lowest:g} and {brightest:g}"
        return MaskReading(grey == brightest, kind, brightest)
    real = grey.dtype.kind == "f"
    white = next((w for w in (*((1.0,) if real else ()), *WHITES) if brightest <= w), brightest)
    level = threshold * white / 255
    mask = grey != 0 if 0 <= brightest <= 1 and not real else grey > level
    return MaskReading(mask, f"grey above {level:g}", brightest)
