"""The camera: position, blur, exposure, noise and compression of one shot of a scene."""

from dataclasses import dataclass

import numpy as np

from scratch_d2.synthetic.labels.label import Label
from scratch_d2.synthetic.labels.layout import MARGIN
from scratch_d2.synthetic.looks import (
    Edge,
    Look,
    apply_frame,
    apply_look,
    motion_kernel,
    random_frame,
    random_looks,
)
from scratch_d2.synthetic.textures import grain, rotated_axes
from scratch_d2.utils.opencv import cv2


@dataclass(frozen=True)
class Shot:
    """How one photograph is taken; the same shot of two scenes differs only where they differ.

    Attributes:
        shift: movement of the camera, (x, y) px.
        turn: its rotation, degrees.
        zoom: its magnification.
        trim: change of the crop's width and height, px.
        blur: sigma of the lens' blur, px.
        defocus: sigma of the further blur that one end of the label has, px.
        defocus_angle: direction of that end, degrees.
        glow: share of the light that strays further, 0..1.
        glow_sigma: how far, px.
        motion: length of the motion blur, px; below 2 there is none.
        motion_angle: its direction, degrees.
        exposure: factor on the brightness.
        noise: standard deviation of the sensor's noise, grey levels.
        noise_sigma: blur of that noise, px.
        jpeg: quality of the compression in 1..100, or 0 for none.
        look: what spoils the whole picture.
        frame: edges beyond which it is white; none if the crop is a plain rectangle.
        seed: of the noise.
    """

    shift: tuple[float, float]
    turn: float
    zoom: float
    trim: tuple[int, int]
    blur: float
    defocus: float
    defocus_angle: float
    glow: float
    glow_sigma: float
    motion: float
    motion_angle: float
    exposure: float
    noise: float
    noise_sigma: float
    jpeg: int
    look: Look
    frame: tuple[Edge, ...]
    seed: int


def random_shots(rng: np.random.Generator, count: int, label: Label) -> list[Shot]:
    """Draw a burst of shots of a label a few seconds apart: one camera, small changes."""
    blur = float(rng.uniform(1.6, 2.3) if rng.random() < 0.12 else rng.uniform(0.6, 1.6))
    defocus = float(rng.uniform(0.8, 4.2)) if rng.random() < 0.25 else 0.0
    defocus_angle = float(rng.uniform(0, 360))
    glow = float(rng.uniform(0.1, 0.55)) if rng.random() < 0.4 else 0.0
    glow_sigma = float(rng.uniform(1.8, 5))
    motion = float(rng.uniform(3, 9)) if rng.random() < 0.18 else 0.0
    motion_angle = float(rng.uniform(0, 180))
    noise = float(rng.uniform(4, 7) if rng.random() < 0.15 else rng.uniform(1.2, 4))
    noise_sigma = float(rng.uniform(0, 0.7))
    jpeg = int(rng.integers(72, 97)) if rng.random() < 0.3 else 0
    shots = []
    for look in random_looks(rng, count, label.ink_level, label.paper_level):
        shift = rng.uniform(-4, 4, size=2)
        shots.append(
            Shot(
                shift=(float(shift[0]), float(shift[1])),
                turn=float(rng.normal(0, 0.35)),
                zoom=float(rng.uniform(0.988, 1.012)),
                trim=(int(rng.integers(-3, 4)), int(rng.integers(-3, 4))),
                blur=blur * float(rng.uniform(0.9, 1.15)),
                defocus=defocus,
                defocus_angle=defocus_angle,
                glow=glow,
                glow_sigma=glow_sigma,
                motion=motion * float(rng.uniform(0.6, 1.15)),
                motion_angle=motion_angle + float(rng.normal(0, 6)),
                exposure=float(rng.uniform(0.96, 1.04)),
                noise=noise * float(rng.uniform(0.85, 1.2)),
                noise_sigma=noise_sigma,
                jpeg=jpeg,
                look=look,
                frame=random_frame(rng, label.layout),
                seed=int(rng.integers(2**62)),
            )
        )
    return shots


def view(shot: Shot, scene: np.ndarray) -> np.ndarray:
    """Crop a scene as this shot sees it: float32 or uint8 HxW, MARGIN less on each side."""
    height, width = scene.shape
    out_width = width - 2 * MARGIN + shot.trim[0]
    out_height = height - 2 * MARGIN + shot.trim[1]
    middle = (width / 2, height / 2)
    matrix = cv2.getRotationMatrix2D(middle, shot.turn, shot.zoom)
    matrix[0, 2] += out_width / 2 - middle[0] + shot.shift[0]
    matrix[1, 2] += out_height / 2 - middle[1] + shot.shift[1]
    size = (out_width, out_height)
    return cv2.warpAffine(scene, matrix, size, borderMode=cv2.BORDER_REPLICATE)


def _defocus(shot: Shot, seen: np.ndarray) -> np.ndarray:
    """Blur a picture more and more towards one of its ends."""
    height, width = seen.shape
    along, _ = rotated_axes(seen.shape, np.radians(shot.defocus_angle), (width / 2, height / 2))
    far = np.clip(along / np.float32(max(height, width) / 2), 0, 1)
    return seen + (cv2.GaussianBlur(seen, (0, 0), shot.defocus) - seen) * far


def photograph(shot: Shot, scene: np.ndarray) -> np.ndarray:
    """Take one photograph of a scene.

    Args:
        scene: brightness, float32 HxW; above 255 is overexposed.

    Returns:
        uint8 grey HxW, MARGIN less on each side. Noise depends on the shot alone, so two scenes
        photographed by one shot differ only where they differ themselves.
    """
    seen = cv2.GaussianBlur(view(shot, scene), (0, 0), shot.blur)
    if shot.defocus > 0:
        seen = _defocus(shot, seen)
    if shot.glow > 0:
        strayed = cv2.GaussianBlur(seen, (0, 0), shot.glow_sigma)
        seen = cv2.addWeighted(seen, 1 - shot.glow, strayed, shot.glow, 0)
    if shot.motion >= 2:
        seen = cv2.filter2D(seen, cv2.CV_32F, motion_kernel(shot.motion, shot.motion_angle))
    seen = apply_look(shot.look, seen)
    noise = grain(np.random.default_rng(shot.seed), seen.shape, shot.noise_sigma)
    seen = seen * np.float32(shot.exposure) + np.float32(shot.noise) * noise
    grey = np.clip(np.rint(seen), 0, 255).astype(np.uint8)
    if shot.jpeg:
        _, packed = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, shot.jpeg])
        grey = cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE)
    return apply_frame(shot.frame, grey)
