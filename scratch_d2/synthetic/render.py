"""Render photographs of printed labels, Good or Bad, with the mask of their scratches."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from scratch_d2.synthetic.camera import Shot, photograph, random_shots
from scratch_d2.synthetic.damage import KINDS, damage_label
from scratch_d2.synthetic.labels.fonts import Font
from scratch_d2.synthetic.labels.label import Label, draw_label
from scratch_d2.synthetic.looks import describe_look, is_blurred
from scratch_d2.utils.opencv import cv2

# Damage counts when it changes the picture by more than this many grey levels ...
VISIBLE_LEVELS = 38
# ... in a blurred picture, where small smooth changes look like uneven ink, by more than this ...
BLURRED_LEVELS = 70
# ... over at least this share of the text's box.
VISIBLE_SHARE = 0.006
# Masks start from smaller changes, the soft rim of a scratch; JPEG alone changes less.
MASK_LEVELS = 24
# Share of the picture that the masks of real photographs cover, and their number of regions.
MIN_COVERAGE, MAX_COVERAGE = 0.0025, 0.145
MAX_REGIONS = 11
# Smaller dots, in px, are no scratch.
SPECK = 6
ATTEMPTS = 60


@dataclass(frozen=True)
class Spec:
    """What to render.

    Attributes:
        bad: whether the label is scratched.
        brush: radius of the brush with which the mask is drawn, px, 0 to 30. Gaps narrower than
            about twice the radius are filled, and the outline grows by an eighth of it; 0 leaves
            exactly the pixels that changed.
        fonts: set the code in one of these instead of in a drawn face.
        damage: damage Bad labels in these ways alone, names of `damage.KINDS`; empty means all.
    """

    bad: bool = False
    brush: float = 10.0
    fonts: tuple[Font, ...] = ()
    damage: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.brush <= 30:
            raise ValueError(f"brush must be a radius of 0 to 30 px, but got {self.brush}")
        if unknown := [kind for kind in self.damage if kind not in KINDS]:
            raise ValueError(f"damage {unknown[0]!r} is unknown; accepted are {', '.join(KINDS)}")


@dataclass(frozen=True)
class Sample:
    """One rendered photograph, or one that scratches were painted on.

    Attributes:
        image: HxWx3 uint8 RGB, 0..255; a rendered one has equal channels and sides of 90 to
            330 px.
        mask: HxW bool, True on scratches; empty for a Good label.
        meta: how it was made, ready for JSON.
    """

    image: np.ndarray
    mask: np.ndarray
    meta: dict = field(default_factory=dict)


def _disk(radius: float) -> np.ndarray:
    size = 2 * max(1, round(radius)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))


def paint_mask(
    clean: np.ndarray, damaged: np.ndarray, brush: float, levels: int = VISIBLE_LEVELS
) -> np.ndarray:
    """Mark where two photographs differ, as a person with a fat brush would.

    Args:
        clean, damaged: uint8 grey HxW, alike but for the damage.
        brush: radius of the brush, px; 0 marks the changed pixels alone.
        levels: a region is marked if it changes by more than so many grey levels somewhere.

    Returns:
        HxW bool, with at most MAX_REGIONS regions unless the brush is 0.
    """
    change = cv2.absdiff(clean, damaged)
    changed = (change > MASK_LEVELS).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(changed, connectivity=8)
    shows = np.isin(np.arange(len(stats)), labels[change > levels])
    kept = shows & (stats[:, cv2.CC_STAT_AREA] >= SPECK)
    kept[0] = False  # the background
    changed = kept[labels].astype(np.uint8)
    if brush == 0:
        return changed.astype(bool)
    while True:
        mask = cv2.morphologyEx(changed, cv2.MORPH_CLOSE, _disk(brush))
        mask = cv2.dilate(mask, _disk(brush / 8))
        regions, _ = cv2.connectedComponents(mask, connectivity=8)
        if regions - 1 <= MAX_REGIONS:
            return mask.astype(bool)
        brush *= 1.4


def is_acceptable(
    clean: np.ndarray,
    damaged: np.ndarray,
    mask: np.ndarray,
    text_area: float,
    levels: int = VISIBLE_LEVELS,
) -> bool:
    """Whether damage shows, and its mask covers as much as masks of real photographs do.

    Args:
        clean, damaged: uint8 grey HxW.
        mask: HxW bool.
        text_area: of the text's box, px.
        levels: what shows is a change of more than so many grey levels.
    """
    visible = np.count_nonzero(cv2.absdiff(clean, damaged) > levels)
    if visible < VISIBLE_SHARE * text_area:
        return False
    return MIN_COVERAGE <= mask.mean() <= MAX_COVERAGE


def _draw_mask(clean: np.ndarray, damaged: np.ndarray, brush: float, levels: int) -> np.ndarray:
    mask = paint_mask(clean, damaged, brush, levels)
    if mask.mean() > MAX_COVERAGE:
        # Where nearly all is damaged, a fat brush would mark what is not, too.
        mask = paint_mask(clean, damaged, brush / 3, levels)
    return mask


def _scratch(
    rng: np.random.Generator,
    label: Label,
    shots: list[Shot],
    clean: list[np.ndarray],
    brush: float,
    only: Sequence[str],
) -> tuple[list[np.ndarray], list[np.ndarray], list[str]]:
    """Damage a label until it shows in every shot; returns photographs, masks and kinds."""
    text_area = label.layout.text_size[0] * label.layout.text_size[1]
    for attempt in range(ATTEMPTS):
        # Little damage survives a strong blur alone, and little of that is seen at a glance.
        scene, kinds = damage_label(rng, label, attempt // 12, only)
        strict = attempt < ATTEMPTS * 3 // 4
        images, masks = [], []
        for shot, reference in zip(shots, clean, strict=True):
            image = photograph(shot, scene)
            levels = BLURRED_LEVELS if strict and is_blurred(shot.look) else VISIBLE_LEVELS
            mask = _draw_mask(reference, image, brush, levels)
            if not is_acceptable(reference, image, mask, text_area, levels):
                break
            images.append(image)
            masks.append(mask)
        if len(images) == len(shots):
            return images, masks, kinds
    raise RuntimeError(f"no visible damage to {label.layout.code!r} in {ATTEMPTS} attempts")


def _describe(label: Label, shot: Shot, mask: np.ndarray, kinds: list[str]) -> dict:
    layout = label.layout
    return {
        "code": layout.code,
        "angle_degrees": round(float(np.degrees(layout.angle)) - shot.turn, 2),
        "cap_height_px": round(layout.text_size[1] * shot.zoom, 2),
        "ink_level": round(label.ink_level, 1),
        "paper_level": round(label.paper_level, 1),
        "blur_px": round(shot.blur, 2),
        "look": describe_look(shot.look),
        "framed": bool(shot.frame),
        "damage": kinds,
        "coverage": round(float(mask.mean()), 5),
    }


def render_burst(rng: np.random.Generator, spec: Spec, shots: int) -> list[Sample]:
    """Render near-identical photographs of one label, taken seconds apart.

    Label, camera and damage draw from separate streams: a Good and a Bad burst from equal
    generators show the same label in the same shots and differ only by the damage.

    Raises ValueError if `shots` is below 1.
    """
    if shots < 1:
        raise ValueError(f"shots must be at least 1, but got {shots}")
    label_rng, camera_rng, damage_rng = (
        np.random.default_rng(int(seed)) for seed in rng.integers(2**62, size=3)
    )
    label = draw_label(label_rng, spec.fonts)
    taken = random_shots(camera_rng, shots, label)
    images = [photograph(shot, label.clean) for shot in taken]
    masks = [np.zeros(image.shape, dtype=bool) for image in images]
    kinds: list[str] = []
    if spec.bad:
        brush = spec.brush * float(damage_rng.uniform(0.7, 1.6))
        images, masks, kinds = _scratch(damage_rng, label, taken, images, brush, spec.damage)
    return [
        Sample(
            image=np.repeat(image[:, :, None], 3, axis=2),
            mask=mask,
            meta=_describe(label, shot, mask, kinds),
        )
        for image, mask, shot in zip(images, masks, taken, strict=True)
    ]


def render(rng: np.random.Generator, spec: Spec) -> Sample:
    """Render one photograph; all of it follows from the generator's state and the spec."""
    return render_burst(rng, spec, 1)[0]
