"""Clean labels: a printed code on paper, at any rotation, with what surrounds it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scratch_d2.synthetic.labels.fonts import Font
from scratch_d2.synthetic.labels.ink import ink_tone
from scratch_d2.synthetic.labels.layout import Layout, lay_out, place_text
from scratch_d2.synthetic.labels.surroundings import add_surroundings, draw_paper, fold


@dataclass(frozen=True)
class Label:
    """A label before it is damaged and photographed.

    Attributes:
        layout: where the text lies.
        clean: brightness, float32 HxW; above 255 in overexposed places.
        ink: coverage, float32 HxW, 0..1.
        paper: brightness without print, float32 HxW.
        ink_level, paper_level: their typical brightness.
    """

    layout: Layout
    clean: np.ndarray
    ink: np.ndarray
    paper: np.ndarray
    ink_level: float
    paper_level: float


def draw_label(rng: np.random.Generator, fonts: Sequence[Font] = ()) -> Label:
    """Draw a label that nothing has damaged yet."""
    layout, strip = lay_out(rng, fonts)
    ink = place_text(strip, layout)
    paper, paper_level = draw_paper(rng, layout.size)
    paper = add_surroundings(rng, layout, paper)
    tone, coverage, ink_level = ink_tone(rng, layout, ink)
    if rng.random() < 0.1:
        shade = fold(rng, layout)
        paper, tone = paper * shade, tone * shade
    clean = paper * (1 - coverage) + tone * coverage
    return Label(layout, clean, coverage, paper, ink_level, paper_level)
