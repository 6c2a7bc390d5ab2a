"""Scratches: what takes print off a label, or drags it where it does not belong."""

from collections.abc import Callable, Sequence

import numpy as np

from scratch_d2.synthetic.damage.across import fold_line, scraped
from scratch_d2.synthetic.damage.breaks import cut, frayed, rubbed
from scratch_d2.synthetic.damage.contact import Layer
from scratch_d2.synthetic.damage.patches import notch, smear, torn, worn
from scratch_d2.synthetic.damage.strokes import creases, gouge, scoured, streaks
from scratch_d2.synthetic.labels.label import Label

KINDS: dict[str, tuple[Callable[[np.random.Generator, Label], Layer], float]] = {
    "streaks": (streaks, 0.20),
    "scoured": (scoured, 0.08),
    "scraped": (scraped, 0.12),
    "creases": (creases, 0.10),
    "fold": (fold_line, 0.08),
    "gouge": (gouge, 0.14),
    "worn": (worn, 0.07),
    "torn": (torn, 0.06),
    "frayed": (frayed, 0.06),
    "notch": (notch, 0.06),
    "cut": (cut, 0.13),
    "smear": (smear, 0.02),
    "rubbed": (rubbed, 0.06),
}


def damage_label(
    rng: np.random.Generator, label: Label, more: int = 0, only: Sequence[str] = ()
) -> tuple[np.ndarray, list[str]]:
    """Damage a label once to five times, and `more` times on top of that.

    Args:
        only: draw these kinds alone, in the proportion that they have among all; empty draws
            every kind.

    Returns:
        The brightness, float32 HxW as `label.clean`, and the kinds of damage in order. Whether
        it shows depends on where it fell: a streak of bare paper beside the print is invisible.
    """
    names = list(only or KINDS)
    chances = np.array([KINDS[name][1] for name in names])
    count = int(rng.choice([1, 2, 3, 4, 5], p=[0.62, 0.22, 0.09, 0.04, 0.03])) + more
    kinds = [names[index] for index in rng.choice(len(names), size=count, p=chances / sum(chances))]
    # Wood and metal have scratches of their own, which nobody minds.
    on_label = np.clip((label.paper - 110) / 40, 0, 1)
    scene = label.clean
    for kind in kinds:
        coverage, tone = KINDS[kind][0](rng, label)
        coverage = coverage * on_label
        scene = (scene * (1 - coverage) + tone * coverage).astype(np.float32)
    return scene, kinds
