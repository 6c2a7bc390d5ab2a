"""Looks of real photographs, Good or Bad: out of focus, moved, exposed twice, dim, framed."""

from dataclasses import dataclass, replace

import numpy as np

from scratch_d2.synthetic.labels.layout import MARGIN, Layout
from scratch_d2.utils.opencv import cv2

# Less contrast between paper and print leaves nothing to judge, grey levels.
MIN_CONTRAST = 110.0
# A half-plane: direction in degrees, and px from the middle of the picture.
Edge = tuple[float, float]
WHITE = 255


@dataclass(frozen=True)
class Look:
    """What a whole photograph suffers from; the default is nothing.

    Attributes:
        defocus: sigma of the blur, px.
        motion: length of the camera's path, px; below 2 it does not move.
        motion_angle: direction of the path, degrees.
        bend: how far the path departs from a straight line, share of its length.
        second: offset of a second exposure, (x, y) px.
        second_share: strength of the second exposure, 0..1; 0 for none.
        light: factor on the brightness; below 1 the paper turns grey, above 1 it eats the print.
    """

    defocus: float = 0.0
    motion: float = 0.0
    motion_angle: float = 0.0
    bend: float = 0.0
    second: tuple[float, float] = (0.0, 0.0)
    second_share: float = 0.0
    light: float = 1.0


def _random_blur(rng: np.random.Generator) -> Look:
    """Draw one way of being unsharp."""
    light = float(rng.uniform(1.0, 1.5)) if rng.random() < 0.3 else 1.0
    kind = rng.choice(3, p=[0.34, 0.36, 0.3])
    if kind == 0:
        return Look(defocus=float(rng.uniform(2, 5.5)), light=light)
    angle = float(rng.uniform(0, 180))
    if kind == 1:
        bend = float(rng.normal(0, 0.2)) if rng.random() < 0.5 else 0.0
        return Look(motion=float(rng.uniform(9, 27)), motion_angle=angle, bend=bend, light=light)
    x, y = rng.uniform(3, 14) * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    # A camera that jumps leaves a trail between its two pictures.
    trail = float(rng.uniform(3, 14)) if rng.random() < 0.4 else 0.0
    return Look(
        defocus=float(rng.uniform(0.6, 2.2)),
        motion=trail,
        motion_angle=angle,
        second=(float(x), float(y)),
        second_share=float(rng.uniform(0.3, 0.6)),
        light=light,
    )


def _shows_print(light: float, ink_level: float, paper_level: float) -> bool:
    return min(paper_level * light, WHITE) - ink_level * light >= MIN_CONTRAST


def random_looks(
    rng: np.random.Generator, count: int, ink_level: float, paper_level: float
) -> list[Look]:
    """Draw the looks of a burst of shots of a label with print and paper of these grey levels.

    Dim light stays for all of a burst; the camera is unsharp in some of its shots, each time
    more or less.
    """
    unsharp = rng.random() < 0.55
    blur, dim = _random_blur(rng), float(rng.uniform(0.42, 0.92))
    is_dim = rng.random() < 0.2
    looks = []
    for _ in range(count):
        amount = float(rng.uniform(0.6, 1.0)) if unsharp and rng.random() < 0.75 else 0.0
        look = _weaker(blur, amount) if amount else Look()
        look = replace(look, light=dim) if is_dim else look
        if not _shows_print(look.light, ink_level, paper_level):
            look = replace(look, light=1.0)
        looks.append(look)
    return looks


def _weaker(look: Look, amount: float) -> Look:
    """The same look, `amount` times as strong."""
    x, y = look.second
    return replace(
        look,
        defocus=look.defocus * amount,
        motion=look.motion * amount,
        second=(x * amount, y * amount),
    )


def is_blurred(look: Look) -> bool:
    """Whether outlines lose their sharpness by it."""
    return look.defocus >= 1.5 or look.motion >= 4 or look.second_share > 0


def describe_look(look: Look) -> list[str]:
    """Name what a look consists of, for the record of an image."""
    parts = {
        "defocus": look.defocus > 0 and not look.second_share,
        "motion": look.motion >= 2,
        "double exposure": look.second_share > 0,
        "dim": look.light < 1,
        "overexposed": look.light > 1,
    }
    return [name for name, there in parts.items() if there]


def motion_kernel(length: float, angle: float, bend: float = 0.0) -> np.ndarray:
    """The path of a moving camera as a filter, float32, square, sum 1.

    Args:
        length: of the path, px.
        angle: its direction, degrees.
        bend: how far it departs from a straight line, share of its length.
    """
    side = 2 * int(np.ceil(length * (1 + abs(bend)) / 2)) + 3
    along = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    t = np.linspace(-0.5, 0.5, 9)
    path = np.outer(t, along) + np.outer(bend * (4 * t**2 - 0.5), [-along[1], along[0]])
    points = np.rint((length * path + side / 2 - 0.5) * 16).astype(np.int32)
    kernel = np.zeros((side, side), dtype=np.uint8)
    cv2.polylines(kernel, [points], False, 255, 1, cv2.LINE_AA, 4)
    return kernel.astype(np.float32) / max(int(kernel.sum()), 1)


def apply_look(look: Look, seen: np.ndarray) -> np.ndarray:
    """Spoil a picture, float32 HxW, before the sensor adds its noise and clips it."""
    if look.second_share > 0:
        matrix = np.array([[1, 0, look.second[0]], [0, 1, look.second[1]]], dtype=np.float32)
        size = (seen.shape[1], seen.shape[0])
        again = cv2.warpAffine(seen, matrix, size, borderMode=cv2.BORDER_REPLICATE)
        seen = cv2.addWeighted(seen, 1 - look.second_share, again, look.second_share, 0)
    if look.motion >= 2:
        kernel = motion_kernel(look.motion, look.motion_angle, look.bend)
        seen = cv2.filter2D(seen, cv2.CV_32F, kernel, borderType=cv2.BORDER_REPLICATE)
    if look.defocus > 0:
        seen = cv2.GaussianBlur(seen, (0, 0), look.defocus)
    return seen * np.float32(look.light)


def _reach(angle: float, size: tuple[float, float]) -> float:
    """How far a box (width, height) reaches from its middle along an angle in degrees."""
    cos, sin = abs(np.cos(np.radians(angle))), abs(np.sin(np.radians(angle)))
    return (cos * size[0] + sin * size[1]) / 2


def random_frame(rng: np.random.Generator, layout: Layout) -> tuple[Edge, ...]:
    """Draw the edges of a crop with four to eight corners, beyond which a picture is white.

    The crop never cuts into the text; most labels have none.
    """
    if rng.random() >= 0.5:
        return ()
    tilt = float(rng.normal(0, 6))
    angles = [tilt + quarter for quarter in (0.0, 90.0, 180.0, 270.0)]
    if rng.random() < 0.5:
        angles += [float(side + rng.uniform(25, 65)) for side in (0, 90, 180, 270)]
    height, width = (side - 2 * MARGIN for side in layout.size)
    shift = np.array(layout.centre) - MARGIN - np.array([width, height]) / 2
    edges = []
    for angle in angles:
        direction = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
        text = _reach(angle - np.degrees(layout.angle), layout.text_size)
        nearest = text + float(direction @ shift) + 7
        farthest = max(nearest, _reach(angle, (width, height)) + 4)
        edges.append((angle, float(rng.uniform(nearest, farthest))))
    return tuple(edges)


def apply_frame(edges: tuple[Edge, ...], grey: np.ndarray) -> np.ndarray:
    """Turn what lies beyond any of the edges white; uint8 HxW."""
    if not edges:
        return grey
    height, width = grey.shape
    x = np.arange(width, dtype=np.float32)[None, :] - np.float32((width - 1) / 2)
    y = np.arange(height, dtype=np.float32)[:, None] - np.float32((height - 1) / 2)
    beyond = np.zeros(grey.shape, dtype=bool)
    for angle, distance in edges:
        cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        beyond |= x * np.float32(cos) + y * np.float32(sin) > distance
    return np.where(beyond, np.uint8(WHITE), grey)
