"""Read a photograph as a label: its print and paper, how sharp it is and how noisy."""

from dataclasses import dataclass

import numpy as np

from scratch_d2.synthetic.labels.faces import Face
from scratch_d2.synthetic.labels.label import Label
from scratch_d2.synthetic.labels.layout import MARGIN, Layout
from scratch_d2.synthetic.transfer.printed import WOOD, NoPrintError, PrintedText, find_text, grow
from scratch_d2.synthetic.transfer.quality import CLIPPED, measure_blur, measure_noise
from scratch_d2.utils.opencv import cv2

# Height of capitals for which the sizes of damage are made, px.
WORKING_CAP = 80
# Print below this height shows no scratch, px.
MIN_CAP = 10
# Longest sides of the picture in which print is searched, and of the label made of it, px.
SEARCH_SIDE, LABEL_SIDE = 640, 900
# Print nearer to the border of the picture is not aimed at, px of the label.
INNER = 8
# Overexposed paper was brighter than 255; by how much, nobody knows, grey levels.
RESERVE = 15
# Damage is made for paper at least this bright; a darker photograph is brightened for it.
PAPER_LEVEL = 220.0


@dataclass(frozen=True)
class Photograph:
    """What a photograph shows.

    Attributes:
        label: its label, scaled so that capitals are WORKING_CAP px high, with MARGIN px on each
            side that the photograph does not show.
        window: rows and columns of the photograph that the label shows.
        scale: px of the label for one px of the photograph.
        colour: the window as it is, float32 HxWx3 RGB at the label's scale, without margin.
        paper: the window without print, likewise; above 255 in overexposed places.
        ink: typical colour of the print, float32 [3].
        cap_height: usual height of its characters, px of the photograph.
        blur: sigma of the print's outlines, px of the photograph.
        noise: standard deviation of the noise, grey levels.
        noise_sigma: blur of the noise, px of the photograph.
    """

    label: Label
    window: tuple[slice, slice]
    scale: float
    colour: np.ndarray
    paper: np.ndarray
    ink: np.ndarray
    cap_height: float
    blur: float
    noise: float
    noise_sigma: float


def to_grey(colour: np.ndarray) -> np.ndarray:
    """Return the brightness of [..., 3] RGB as float32; equal channels keep their value."""
    red, green, blue = (colour[..., channel].astype(np.float32) for channel in range(3))
    return green + np.float32(0.299) * (red - green) + np.float32(0.114) * (blue - green)


def resize(picture: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Resize HxW or HxWx3 to the height and width that `shape` begins with."""
    way = cv2.INTER_AREA if shape[0] < picture.shape[0] else cv2.INTER_LINEAR
    return cv2.resize(picture, (shape[1], shape[0]), interpolation=way)


def _scaled(shape: tuple[int, ...], scale: float) -> tuple[int, int]:
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def _find_text(colour: np.ndarray) -> PrintedText:
    return find_text(np.rint(to_grey(colour)).astype(np.uint8))


def _locate(image: np.ndarray) -> tuple[tuple[slice, slice], float]:
    """Return rows and columns around the print, and the scale that makes it WORKING_CAP high."""
    search = min(1.0, SEARCH_SIDE / max(image.shape[:2]))
    text = _find_text(resize(image, _scaled(image.shape, search)))
    cap = text.cap_height / search
    if cap < MIN_CAP:
        raise NoPrintError(
            f"no print large enough: characters are {cap:.1f} px high, {MIN_CAP} or more are needed"
        )
    spans = []
    for axis in (0, 1):
        found = np.flatnonzero(text.pixels.any(axis=1 - axis)) / search
        # Tight crops, as the field takes them, show about half a capital more on each side.
        first, last = int(found[0] - cap / 2), int(np.ceil(found[-1] + 1 + cap / 2))
        spans.append(slice(max(0, first), min(image.shape[axis], last)))
    longest = max(span.stop - span.start for span in spans)
    return (spans[0], spans[1]), min(WORKING_CAP / cap, LABEL_SIDE / longest)


def _local_mean(values: np.ndarray, chosen: np.ndarray, sigma: float) -> np.ndarray:
    """Mean around each pixel of HxWx3 values, over the chosen pixels (HxW bool) alone.

    Far from all of them the mean over the whole picture takes over.
    """
    weights = chosen.astype(np.float32)
    overall = values[chosen].mean(axis=0) if chosen.any() else values.mean(axis=(0, 1))
    above = cv2.GaussianBlur(values * weights[:, :, None], (0, 0), sigma)
    below = cv2.GaussianBlur(weights, (0, 0), sigma)[:, :, None]
    faint = np.float32(1e-4)
    return (above + faint * overall) / (below + faint)


def _remove_print(colour: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Return a picture as if there were no print near there (HxW bool); wood stays as it is."""
    grey = to_grey(colour)
    bright = grey > WOOD * np.percentile(grey, 90)
    paper = _local_mean(colour, bright & ~near, 12)
    paper[(paper > CLIPPED).all(axis=2)] += RESERVE
    other = grow(~near & (grey < 0.75 * to_grey(paper)), 2) & ~near
    paper[other] = colour[other]
    return paper


def _coverage(
    grey: np.ndarray, paper: np.ndarray, tone: np.ndarray, near: np.ndarray
) -> np.ndarray:
    """Share of ink in each pixel near print, float32 HxW, 0..1, from its brightness."""
    return np.clip((paper - grey) / np.maximum(paper - tone, 20), 0, 1) * near


def _make_label(
    text: PrintedText, grey: np.ndarray, paper: np.ndarray, ink: np.ndarray, ink_level: float
) -> Label:
    """Put what was read together, brightened, with a margin on each side."""
    paper_level = float(np.median(paper[ink > 0.5]))
    gain = max(1.0, PAPER_LEVEL / paper_level)
    clean = np.where(grey > CLIPPED, np.maximum(grey, paper), grey)
    rim = (MARGIN, MARGIN, MARGIN, MARGIN, cv2.BORDER_REPLICATE)
    layout = Layout(
        code="",
        face=Face(),
        size=(grey.shape[0] + 2 * MARGIN, grey.shape[1] + 2 * MARGIN),
        centre=(text.middle[0] + MARGIN, text.middle[1] + MARGIN),
        angle=text.angle,
        text_size=text.size,
    )
    return Label(
        layout=layout,
        clean=cv2.copyMakeBorder(clean * np.float32(gain), *rim),
        ink=cv2.copyMakeBorder(ink, *rim),
        paper=cv2.copyMakeBorder(paper * np.float32(gain), *rim),
        ink_level=ink_level * gain,
        paper_level=paper_level * gain,
    )


def read_photograph(image: np.ndarray) -> Photograph:
    """Read a photograph of a label, HxWx3 uint8 RGB, print dark on bright paper.

    Raises NoPrintError if there is no such print, or it is too small or too pale.
    """
    window, scale = _locate(image)
    seen = image[window]
    colour = resize(seen, _scaled(seen.shape, scale)).astype(np.float32)
    text = _find_text(colour)
    near, core = grow(text.pixels, 3), grow(text.pixels, -2)
    core = core if core.any() else text.pixels
    paper = _remove_print(colour, near)
    fields = to_grey(paper), to_grey(_local_mean(colour, core, 10)), near.astype(np.float32)
    grey, ink_colour = to_grey(colour), np.median(colour[core], axis=0)
    ink = _coverage(grey, *fields)
    if np.count_nonzero(ink[INNER:-INNER, INNER:-INNER] > 0.5) < 50:
        raise NoPrintError("no print inside the picture, only along its border")
    # Sharpness and noise are lost if the photograph was reduced.
    fine = to_grey(seen)
    fine_paper, *fine_rest = (resize(field, seen.shape) for field in fields)
    fine_ink = _coverage(fine, fine_paper, *fine_rest)
    noise, noise_sigma = measure_noise(fine, fine_paper, fine_ink)
    return Photograph(
        label=_make_label(text, grey, fields[0], ink, float(to_grey(ink_colour))),
        window=window,
        scale=scale,
        colour=colour,
        paper=paper,
        ink=ink_colour,
        cap_height=text.cap_height / scale,
        blur=measure_blur(fine_ink),
        noise=noise,
        noise_sigma=noise_sigma,
    )
