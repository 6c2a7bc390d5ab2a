"""Tables of images to calibrate on."""

from collections.abc import Sequence

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from scratch_d2.evaluation.images import ImageTable


def make_images(
    bad: Sequence[bool],
    area: Sequence[float],
    p_bad: Sequence[float] | None = None,
    group: Sequence[str] | None = None,
) -> ImageTable:
    """A table of images; each is a group of its own unless groups are given."""
    files = [f"{index}.png" for index in range(len(bad))]
    scores = None if p_bad is None else np.array(p_bad, float)
    columns = (list(range(len(bad))), files, list(group or files))
    return ImageTable(*columns, np.array(bad, bool), np.array(area, float), scores)


def draw_images(count: int, seed: int = 0, group_size: int = 1) -> ImageTable:
    """A table with overlapping areas and gate scores, a third of it Bad."""
    rng = np.random.default_rng(seed)
    group = [f"g{index // group_size}" for index in range(count)]
    bad = rng.random(count) < 1 / 3
    area = np.where(rng.random(count) < 0.3, 0, rng.integers(1, 900, count) * (1.0 + bad))
    return make_images(bad, area, np.clip(rng.normal(0.3 + 0.4 * bad, 0.2), 0, 1), group)


@st.composite
def tables(draw: st.DrawFn, gated: bool | None = None) -> ImageTable:
    """Small tables with many ties, some scratch on a Bad image, at least one Good image."""
    count = draw(st.integers(2, 9))
    bad = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    areas = st.sampled_from([0.0, 0.5, 1.0, 3.0, 40.0, 41.5, 700.0])
    area = draw(st.lists(areas, min_size=count, max_size=count))
    scores = st.sampled_from([0.0, 0.1, 0.25, 0.3, 0.9, 1.0])
    p_bad = draw(st.lists(scores, min_size=count, max_size=count))
    assume(not all(bad) and any(b and a for b, a in zip(bad, area)))
    gated = draw(st.booleans()) if gated is None else gated
    return make_images(bad, area, p_bad if gated else None)
