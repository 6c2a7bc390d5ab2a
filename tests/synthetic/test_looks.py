"""Rendered labels: looks of whole photographs, drawings beside the print, kinds of damage."""

from functools import cache

import numpy as np
import pytest

from scratch_d2.synthetic.damage import KINDS, damage_label
from scratch_d2.synthetic.labels.drawings import DRAWINGS, add_drawings
from scratch_d2.synthetic.labels.label import Label, draw_label
from scratch_d2.synthetic.looks import (
    MIN_CONTRAST,
    Look,
    apply_frame,
    apply_look,
    is_blurred,
    motion_kernel,
    random_frame,
    random_looks,
)
from scratch_d2.synthetic.render import Spec, render_burst

NEW_KINDS = ("scraped", "fold", "frayed", "cut", "rubbed")


@cache
def drawn_label(seed: int) -> Label:
    return draw_label(np.random.default_rng(seed))


def bar(width: int = 81) -> np.ndarray:
    """A picture of 300 with a bar of 0, ten columns wide, in its middle."""
    picture = np.full((60, width), 300, dtype=np.float32)
    picture[:, width // 2 - 5 : width // 2 + 5] = 0
    return picture


def looks(count: int, ink: float = 30.0, paper: float = 290.0) -> list[Look]:
    rng = np.random.default_rng(0)
    return [random_looks(rng, 1, ink, paper)[0] for _ in range(count)]


@pytest.mark.parametrize("bend", [0.0, 0.3])
@pytest.mark.parametrize(("length", "angle"), [(9.0, 0.0), (27.0, 90.0), (18.0, 45.0)])
def test_motion_kernel_is_as_long_as_the_path(length: float, angle: float, bend: float) -> None:
    kernel = motion_kernel(length, angle, bend)
    assert kernel.sum() == pytest.approx(1, abs=1e-5) and kernel.shape[0] == kernel.shape[1]
    ys, xs = np.nonzero(kernel > 0.2 * kernel.max())
    direction = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    along, across = xs * direction[0] + ys * direction[1], xs * -direction[1] + ys * direction[0]
    assert np.ptp(along) == pytest.approx(length, abs=2.1)
    assert np.ptp(across) == pytest.approx(bend * length, abs=2.1)


def test_a_second_exposure_shows_the_print_twice() -> None:
    seen = apply_look(Look(second=(14.0, 0.0), second_share=0.4), bar())[30]
    assert seen[40] == pytest.approx(300 * 0.4) and seen[40 + 14] == pytest.approx(300 * 0.6)
    assert seen[10] == seen[70] == pytest.approx(300)


def test_the_default_look_changes_nothing() -> None:
    assert np.array_equal(apply_look(Look(), bar()), bar())


@pytest.mark.parametrize(
    "look", [Look(defocus=4.0), Look(motion=21.0), Look(second=(9.0, 0.0), second_share=0.5)]
)
def test_blurs_soften_outlines_and_keep_the_light(look: Look) -> None:
    seen = apply_look(look, bar(201))
    assert is_blurred(look)
    assert np.abs(np.diff(seen[30])).max() < 0.6 * 300
    assert seen[30].mean() == pytest.approx(bar(201)[30].mean(), rel=1e-3)


def test_light_turns_paper_grey_or_eats_the_print() -> None:
    picture = np.array([[280.0, 40.0]], dtype=np.float32)
    assert apply_look(Look(light=0.5), picture).tolist() == [[140.0, 20.0]]
    assert apply_look(Look(light=1.5), picture).tolist() == [[420.0, 60.0]]


def test_looks_are_as_strong_and_frequent_as_in_the_field() -> None:
    drawn = looks(2000)
    blurred = [look for look in drawn if is_blurred(look)]
    assert 0.3 < len(blurred) / len(drawn) < 0.5
    assert 0.13 < np.mean([look.light < 1 for look in drawn]) < 0.25
    assert 0.42 <= min(look.light for look in drawn) and max(look.light for look in drawn) <= 1.5
    defocus = [look.defocus for look in blurred if not look.second_share and look.defocus]
    assert 1.2 <= min(defocus) and 4.5 < max(defocus) <= 5.5
    motion = [look.motion for look in blurred if look.motion and not look.second_share]
    assert 5.4 <= min(motion) and 23 < max(motion) <= 27
    trails = [look.motion for look in blurred if look.second_share]
    assert 0.3 < np.mean(np.array(trails) > 0) < 0.5 and max(trails) <= 14
    offsets = [np.hypot(*look.second) for look in blurred if look.second_share]
    assert 11 < max(offsets) <= 14


def test_no_light_hides_pale_print() -> None:
    for look in looks(500, ink=110.0, paper=256.0):
        assert min(255, 256 * look.light) - 110 * look.light >= MIN_CONTRAST


@pytest.mark.parametrize("seed", range(6))
def test_good_and_bad_have_the_same_looks(seed: int) -> None:
    good, bad = (render_burst(np.random.default_rng(seed), Spec(bad=b), 3) for b in (False, True))
    for key in ("look", "framed", "blur_px", "code"):
        assert [shot.meta[key] for shot in good] == [shot.meta[key] for shot in bad]


def test_a_frame_is_white_beyond_its_edges() -> None:
    framed = apply_frame(((0.0, 20.0), (90.0, 10.0)), np.full((61, 101), 120, dtype=np.uint8))
    assert framed[30, 70] == 120 and framed[30, 71] == 255
    assert framed[40, 50] == 120 and framed[41, 50] == 255
    assert framed[0, 0] == 120


def test_frames_leave_the_text_free() -> None:
    framed = 0
    for seed in range(80):
        label, rng = drawn_label(seed % 8), np.random.default_rng(seed)
        edges = random_frame(rng, label.layout)
        text = label.layout.near_text(0)[12:-12, 12:-12]
        picture = apply_frame(edges, np.zeros(text.shape, dtype=np.uint8))
        assert not (picture[text] == 255).any()
        framed += bool(edges) and (picture == 255).any()
    assert 20 <= framed <= 55


@pytest.mark.parametrize("seed", range(8))
def test_drawings_keep_away_from_the_text(seed: int) -> None:
    label, rng = drawn_label(seed), np.random.default_rng(seed)
    blank = np.full(label.layout.size, 280, dtype=np.float32)
    drawn = add_drawings(rng, label.layout, blank)
    assert np.array_equal(drawn[label.layout.near_text(5)], blank[label.layout.near_text(5)])
    assert 25 <= drawn.min() and drawn.max() <= 280


@pytest.mark.parametrize("draw", [draw for draw, _ in DRAWINGS])
def test_every_drawing_is_thin_and_shows(draw) -> None:
    shares = []
    for seed in range(30):
        layout = drawn_label(seed % 8).layout
        ink = draw(np.random.default_rng(seed), layout)
        assert ink.shape == layout.size and 0 <= ink.min() and ink.max() <= 1
        shares.append((ink > 0.5).mean())
    assert 0 < np.mean(shares) < 0.04


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_damage_covers_some_of_the_label(kind: str) -> None:
    damage, _ = KINDS[kind]
    changed = []
    for seed in range(8):
        label = drawn_label(seed)
        coverage, tone = damage(np.random.default_rng(seed), label)
        assert coverage.shape == label.clean.shape
        assert -1e-5 <= coverage.min() and coverage.max() <= 1 + 1e-5
        scene = label.clean * (1 - coverage) + tone * coverage
        changed.append(np.count_nonzero(np.abs(scene - label.clean) > 38))
    assert np.median(changed) > 100


@pytest.mark.parametrize("kind", NEW_KINDS)
def test_damage_follows_from_the_generator(kind: str) -> None:
    damage, _ = KINDS[kind]
    first, second, other = (damage(np.random.default_rng(s), drawn_label(1))[0] for s in (3, 3, 4))
    assert np.array_equal(first, second)
    # Streaks all over the label cover its text whatever the generator.
    assert kind == "scraped" or not np.array_equal(first, other)


def test_a_cut_leaves_bare_paper() -> None:
    label = drawn_label(2)
    for seed in range(8):
        coverage, tone = KINDS["cut"][0](np.random.default_rng(seed), label)
        assert coverage.max() == pytest.approx(1)
        bare = np.broadcast_to(tone, coverage.shape)[coverage > 0.99]
        assert bare.min() > 0.9 * min(label.paper_level, 265) - 30


def test_a_rub_is_grey_between_print_and_paper() -> None:
    label = drawn_label(2)
    paper = min(label.paper_level, 255.0)
    for seed in range(8):
        _, tone = KINDS["rubbed"][0](np.random.default_rng(seed), label)
        share = (np.median(tone) - label.ink_level) / (paper - label.ink_level)
        assert 0.3 < share < 0.75


def test_more_damage_is_more() -> None:
    label = drawn_label(3)
    counts = [
        [len(damage_label(np.random.default_rng(seed), label, more)[1]) for seed in range(20)]
        for more in (0, 3)
    ]
    assert np.subtract(counts[1], counts[0]).tolist() == [3] * 20
