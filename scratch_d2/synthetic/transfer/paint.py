"""Paint scratches onto a photograph of an undamaged label, with the mask of what was painted."""

import numpy as np

from scratch_d2.synthetic.damage import damage_label
from scratch_d2.synthetic.labels.layout import MARGIN
from scratch_d2.synthetic.render import ATTEMPTS, Sample, Spec, is_acceptable, paint_mask
from scratch_d2.synthetic.textures import grain
from scratch_d2.synthetic.transfer.photograph import Photograph, read_photograph, resize, to_grey
from scratch_d2.synthetic.transfer.printed import NoPrintError
from scratch_d2.utils.opencv import cv2

# Sharpest outlines that damage can have before it is enlarged, sigma, px of the label.
SHARPEST = 0.6
# How far each pixel turns into paper, and how far into ink, both float32 HxW, 0..1.
Change = tuple[np.ndarray, np.ndarray]


def _share(change: np.ndarray, possible: np.ndarray, sigma: float) -> np.ndarray:
    """How much of the possible change was made, float32 HxW, 0..1, blurred by `sigma` px.

    Both are blurred before they are divided: the blurred ratio would let the outline of a
    character show through where the character has been scraped off.
    """
    made = cv2.GaussianBlur(np.maximum(change, 0), (0, 0), sigma)
    whole = cv2.GaussianBlur(np.maximum(possible, 0), (0, 0), sigma)
    return np.clip(made / (whole + 2), 0, 1)[MARGIN:-MARGIN, MARGIN:-MARGIN].astype(np.float32)


def _changes(photo: Photograph, scene: np.ndarray) -> Change:
    """What damage did to a label, as sharp as its photograph, at the label's scale."""
    label = photo.label
    sigma = max(photo.blur * photo.scale, SHARPEST)
    to_paper = _share(scene - label.clean, label.paper - label.clean, sigma)
    to_ink = _share(label.clean - scene, label.clean - label.ink_level, sigma)
    return to_paper, to_ink


def _apply(colour: np.ndarray, paper: np.ndarray, ink: np.ndarray, change: Change) -> np.ndarray:
    """Mix paper and ink into a picture, all float32 HxWx3."""
    to_paper, to_ink = (share[:, :, None] for share in change)
    inked = colour + (ink - colour) * to_ink
    return inked + (paper - inked) * to_paper


def _to_levels(picture: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def _enlarge(share: np.ndarray, shape: tuple[int, ...], steeper: float) -> np.ndarray:
    """Enlarge a change to height and width of a photograph, its outlines `steeper` times."""
    size, square = (shape[1], shape[0]), np.ones((3, 3), np.uint8)
    low, middle, high = (
        cv2.resize(field, size, interpolation=cv2.INTER_CUBIC)
        for field in (cv2.erode(share, square), share, cv2.dilate(share, square))
    )
    place = (middle - low) / np.maximum(high - low, 1e-3) - 0.5
    return np.clip(low + np.clip(place * steeper + 0.5, 0, 1) * (high - low), 0, 1)


def _paint(
    rng: np.random.Generator, image: np.ndarray, photo: Photograph, change: Change
) -> np.ndarray:
    """Make a change in the photograph itself; what it covers has the photograph's noise too."""
    seen = image[photo.window]
    if photo.scale < 1:
        steeper = np.float32(max(1.0, SHARPEST / (photo.scale * photo.blur)))
        to_paper, to_ink = (_enlarge(share, seen.shape, steeper) for share in change)
    else:
        to_paper, to_ink = (resize(share, seen.shape) for share in change)
    paper = resize(photo.paper, seen.shape)
    painted = _apply(seen.astype(np.float32), paper, photo.ink, (to_paper, to_ink))
    left = (1 - to_paper) * (1 - to_ink)
    noise = grain(rng, left.shape, photo.noise_sigma) * np.sqrt(1 - left**2)
    painted += np.float32(photo.noise) * noise[:, :, None]
    result = image.copy()
    result[photo.window] = _to_levels(painted)
    return result


def _describe(photo: Photograph, mask: np.ndarray, kinds: list[str]) -> dict:
    return {
        "angle_degrees": round(float(np.degrees(photo.label.layout.angle)), 2),
        "cap_height_px": round(photo.cap_height, 2),
        "ink_level": round(float(to_grey(photo.ink)), 1),
        "paper_level": round(float(np.median(to_grey(photo.paper))), 1),
        "blur_px": round(photo.blur, 2),
        "noise": round(photo.noise, 2),
        "damage": kinds,
        "coverage": round(float(mask.mean()), 5),
    }


def scratch_photograph(
    rng: np.random.Generator, image: np.ndarray, brush: float = Spec.brush
) -> Sample:
    """Scratch the print on a photograph of an undamaged label.

    What counts as a visible scratch is what counts on rendered labels, seen as if capitals were
    80 px high and in the part of the photograph around its print.

    Args:
        image: HxWx3 uint8 RGB; pixels that no damage reaches stay as they are.
        brush: radius of the brush that draws the mask, px if capitals are 80 px high.

    Raises NoPrintError if there is no print to scratch, or no scratch shows in 60 attempts.
    """
    photo = read_photograph(image)
    brush = brush * float(rng.uniform(0.7, 1.6))
    clean = _to_levels(to_grey(photo.colour))
    length, height = photo.label.layout.text_size
    for _ in range(ATTEMPTS):
        scene, kinds = damage_label(rng, photo.label)
        change = _changes(photo, scene)
        damaged = _to_levels(to_grey(_apply(photo.colour, photo.paper, photo.ink, change)))
        mask = paint_mask(clean, damaged, brush)
        if is_acceptable(clean, damaged, mask, length * height):
            break
    else:
        raise NoPrintError(f"no scratch that shows on its print in {ATTEMPTS} attempts")
    whole = np.zeros(image.shape[:2], dtype=bool)
    whole[photo.window] = resize(mask.astype(np.float32), whole[photo.window].shape) > 0.5
    painted = _paint(rng, image, photo, change)
    return Sample(image=painted, mask=whole, meta=_describe(photo, whole, kinds))
