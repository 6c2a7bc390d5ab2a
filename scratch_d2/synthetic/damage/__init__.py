"""Scratches: what takes print off a label, or drags it where it does not belong."""

from collections.abc import Callable

import numpy as np

from scratch_d2.synthetic.damage.contact import Layer
from scratch_d2.synthetic.damage.patches import notch, smear, torn, worn
from scratch_d2.synthetic.damage.strokes import creases, gouge, scoured, streaks
from scratch_d2.synthetic.labels.label import Label

KINDS: dict[str, tuple[Callable[[np.random.Generator, Label], Layer], float]] = {
    "streaks": (streaks, 0.26),
    "scoured": (scoured, 0.12),
    "creases": (creases, 0.16),
    "gouge": (gouge, 0.20),
    "worn": (worn, 0.10),
    "torn": (torn, 0.08),
    "notch": (notch, 0.04),
    "smear": (smear, 0.04),
}


def damage_label(rng: np.random.Generator, label: Label) -> tuple[np.ndarray, list[str]]:
    """Damage a label once to five times.

    Returns:
        The brightness, float32 HxW as `label.clean`, and the kinds of damage in order. Whether
        it shows depends on where it fell: a streak of bare paper beside the print is invisible.
    """
    names = list(KINDS)
    chances = np.array([chance for _, chance in KINDS.values()])
    count = int(rng.choice([1, 2, 3, 4, 5], p=[0.62, 0.22, 0.09, 0.04, 0.03]))
    kinds = [names[index] for index in rng.choice(len(names), size=count, p=chances)]
    # Wood and metal have scratches of their own, which nobody minds.
    on_label = np.clip((label.paper - 110) / 40, 0, 1)
    scene = label.clean
    for kind in kinds:
        coverage, tone = KINDS[kind][0](rng, label)
        coverage = coverage * on_label
        scene = (scene * (1 - coverage) + tone * coverage).astype(np.float32)
    return scene, kinds
