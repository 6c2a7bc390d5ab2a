"""Rendered labels: glyphs, fonts, pictures, masks, bursts, and the plan of a dataset."""

import re
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageFont

from scratch_d2.structures.masks import split_regions
from scratch_d2.synthetic.labels import fonts
from scratch_d2.synthetic.labels.faces import Face, draw_text
from scratch_d2.synthetic.labels.fonts import STRIP_CAP_HEIGHT, load_font
from scratch_d2.synthetic.labels.glyphs import CHARACTERS, outline, rasterise
from scratch_d2.synthetic.plan import plan_bursts
from scratch_d2.synthetic.render import (
    BLURRED_LEVELS,
    MAX_COVERAGE,
    MAX_REGIONS,
    MIN_COVERAGE,
    VISIBLE_LEVELS,
    Sample,
    Spec,
    render,
    render_burst,
)

SEEDS = range(24)


def rendered(seed: int, bad: bool) -> Sample:
    return render(np.random.default_rng(seed), Spec(bad=bad))


@pytest.fixture
def font_file(tmp_path: Path) -> Path:
    """Pillow's own font as a file."""
    path = tmp_path / "face.ttf"
    path.write_bytes(ImageFont.load_default(size=20).path.getvalue())
    return path


@pytest.mark.parametrize("character", CHARACTERS)
def test_glyph_fills_the_height_of_a_capital(character: str) -> None:
    ink = rasterise(character, 0.23, 100)
    rows = np.flatnonzero((ink > 127).any(axis=1)) - 3
    assert -3 <= rows[0] <= 2 and 97 <= rows[-1] <= 102
    assert 0.25 < (ink > 127).mean() < 0.75


def test_unknown_character_is_refused() -> None:
    with pytest.raises(ValueError, match="one of 0123456789MPRT, but got 'U'"):
        outline("U", 0.23)


def test_a_font_is_drawn_as_high_as_the_glyphs(font_file: Path) -> None:
    font = load_font(font_file)
    assert set(font.glyphs) == set(CHARACTERS)
    heights = {ink.shape[0] for ink in font.glyphs.values()}
    assert len(heights) == 1
    rows = np.flatnonzero((font.glyphs["T"] > 127).any(axis=1))
    rim = (heights.pop() - STRIP_CAP_HEIGHT) // 2
    assert rows[0] == pytest.approx(rim, abs=1)
    assert rows[-1] == pytest.approx(rim + STRIP_CAP_HEIGHT - 1, abs=1)


def test_a_font_replaces_the_drawn_faces(font_file: Path) -> None:
    font = load_font(font_file)
    first, again = (render(np.random.default_rng(3), Spec(fonts=(font,))) for _ in range(2))
    assert np.array_equal(first.image, again.image)
    assert first.meta["code"] == rendered(3, bad=False).meta["code"]
    thin, heavy = (draw_text("72R0", Face(font=f), [5.0] * 3) for f in (font, None))
    assert 0.2 < thin.mean() / heavy.mean() < 0.8  # Pillow's font is a regular one


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (None, FileNotFoundError, "no such file; a TrueType or OpenType file is accepted"),
        (b"", ValueError, r"cannot be used \(.*\); a TrueType"),
        (b"not a font at all", ValueError, r"cannot be used \(.* file.*\); a TrueType"),
    ],
)
def test_what_is_no_font_is_refused(
    tmp_path: Path, content: bytes | None, kind: type[Exception], message: str
) -> None:
    path = tmp_path / "bad.ttf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(kind, match=r"font '.*bad\.ttf'.*" + message):
        load_font(path)


def test_a_font_without_a_character_is_refused(
    font_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts, "CHARACTERS", "0P\u16a0")
    with pytest.raises(ValueError, match="it has no character '\u16a0'"):
        load_font(font_file)


@pytest.mark.parametrize("bad", [False, True])
def test_rendering_follows_from_seed_and_spec(bad: bool) -> None:
    first, second, other = rendered(1, bad), rendered(1, bad), rendered(2, bad)
    assert np.array_equal(first.image, second.image) and np.array_equal(first.mask, second.mask)
    assert first.meta == second.meta
    assert first.image.shape != other.image.shape or not np.array_equal(first.image, other.image)


def test_images_look_like_photographs() -> None:
    images = [rendered(seed, seed % 5 == 0).image for seed in range(120)]
    for image in images:
        assert image.dtype == np.uint8 and image.shape[2] == 3
        assert 90 <= min(image.shape[:2]) and max(image.shape[:2]) <= 330
        assert np.array_equal(image[:, :, 0], image[:, :, 2])
    sides = np.mean([image.shape[:2] for image in images], axis=0)
    # The mean of 501 real photographs; more of them are tilted than of all that were ever taken,
    # whose mean is 141 x 286.
    assert sides == pytest.approx([159, 281], rel=0.15)
    assert np.mean([image.mean() for image in images]) == pytest.approx(184, abs=12)
    assert np.mean([image.std() for image in images]) == pytest.approx(82, abs=8)


def test_masks_are_within_the_limits_of_real_ones() -> None:
    masks = [rendered(seed, bad=True).mask for seed in SEEDS]
    coverage = [mask.mean() for mask in masks]
    assert MIN_COVERAGE <= min(coverage) and max(coverage) <= MAX_COVERAGE
    assert 0.015 < np.median(coverage) < 0.055
    assert all(1 <= len(split_regions(mask)) <= MAX_REGIONS for mask in masks)


@pytest.mark.parametrize("seed", SEEDS)
def test_good_and_bad_differ_only_inside_the_mask(seed: int) -> None:
    good, bad = rendered(seed, bad=False), rendered(seed, bad=True)
    assert not good.mask.any() and good.meta["damage"] == []
    change = np.abs(good.image[:, :, 0].astype(int) - bad.image[:, :, 0])
    assert np.count_nonzero(change[bad.mask] > VISIBLE_LEVELS) >= 20
    # Single dots are no scratch; everything that a person would see is marked. In a blurred picture
    # that takes more.
    blurred = {"defocus", "motion", "double exposure"} & set(bad.meta["look"])
    levels = BLURRED_LEVELS if blurred else VISIBLE_LEVELS
    assert np.count_nonzero(change[~bad.mask] > levels) <= 20
    # Streaks too faint for a mask may go on outside it.
    assert change[~bad.mask].mean() < 3.0


def test_a_burst_shows_one_label_with_small_changes() -> None:
    shots = render_burst(np.random.default_rng(5), Spec(bad=True), 4)
    assert len({shot.meta["code"] for shot in shots}) == 1
    assert len({shot.image.tobytes() for shot in shots}) == 4
    heights, widths = np.array([shot.image.shape[:2] for shot in shots]).T
    assert np.ptp(heights) <= 6 and np.ptp(widths) <= 6
    angles = [shot.meta["angle_degrees"] for shot in shots]
    assert 0 < np.ptp(angles) < 3


@pytest.mark.parametrize(
    ("count", "bad_fraction", "bad"), [(1, 0.0, 0), (1, 1.0, 1), (37, 0.2, 7), (400, 0.5, 200)]
)
def test_plan_has_the_asked_share_of_bad(count: int, bad_fraction: float, bad: int) -> None:
    bursts = plan_bursts(count, 0, bad_fraction)
    assert sum(len(burst.names) for burst in bursts) == count
    assert sum(len(burst.names) for burst in bursts if burst.bad) == bad


def test_names_are_unique_and_come_in_bursts() -> None:
    bursts = plan_bursts(600, 0, 0.2)
    names = [name for burst in bursts for name in burst.names]
    assert len(set(names)) == 600
    pattern = r"\d\d_\d\d_\d{4}_\d\d_\d\d_\d\d\.\d{6}_classifier_input\.png"
    assert all(re.fullmatch(pattern, name) for name in names)
    times = [datetime.strptime(name[:26], "%d_%m_%Y_%H_%M_%S.%f") for name in names]
    gaps = [
        (after - before).total_seconds()
        for before, after in zip(times[:-1], times[1:], strict=True)
    ]
    inside = [gap for gap in gaps if gap < 10]
    assert min(gaps) > 0.5 and all(gap > 100 for gap in gaps if gap >= 10)
    assert len(gaps) - len(inside) + 1 == len(bursts)
    assert {len(burst.names) for burst in bursts} == {1, 2, 3, 4}


def test_burst_without_shots_is_refused() -> None:
    with pytest.raises(ValueError, match="shots must be at least 1, but got 0"):
        render_burst(np.random.default_rng(0), Spec(), 0)
