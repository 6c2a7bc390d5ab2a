"""Scratches painted on photographs: what is read out of them, what changes, and what must not."""

import numpy as np
import pytest

from scratch_d2.structures.masks import split_regions
from scratch_d2.synthetic.render import (
    MAX_COVERAGE,
    MAX_REGIONS,
    MIN_COVERAGE,
    VISIBLE_LEVELS,
    Sample,
    Spec,
    render,
)
from scratch_d2.synthetic.textures import grain
from scratch_d2.synthetic.transfer.paint import scratch_photograph
from scratch_d2.synthetic.transfer.printed import NoPrintError, find_text
from scratch_d2.synthetic.transfer.quality import measure_blur, measure_noise
from scratch_d2.utils.opencv import cv2
from tests.builders import rectangles

PAPER, INK = (240, 215, 120), (25, 40, 120)


def good_label(seed: int) -> Sample:
    return render(np.random.default_rng(seed), Spec())


def draw_photograph(
    height: int = 160, width: int = 300, blur: float = 1.2, noise: float = 0.0
) -> np.ndarray:
    """Blue bars, three quarters of the picture high, on yellow paper, HxWx3 uint8."""
    step = width // 6
    bars = [(x, height // 8, x + step // 3, height * 7 // 8) for x in range(step, width, step)]
    ink = rectangles(height, width, *bars[:-1]).astype(np.float32)
    ink = cv2.GaussianBlur(ink, (0, 0), blur)[:, :, None]
    image = np.array(PAPER) * (1 - ink) + np.array(INK) * ink
    image += noise * np.random.default_rng(0).standard_normal((height, width, 1))
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def scratch(image: np.ndarray, seed: int = 0) -> tuple[Sample, np.ndarray]:
    """A scratched photograph and by how much its pixels changed, HxW."""
    sample = scratch_photograph(np.random.default_rng(seed), image)
    return sample, np.abs(sample.image.astype(int) - image).max(axis=2)


def test_print_of_rendered_labels_is_measured() -> None:
    angles, heights = [], []
    for seed in range(30):
        sample = good_label(seed)
        text = find_text(sample.image[:, :, 0])
        difference = np.degrees(text.angle) - sample.meta["angle_degrees"]
        angles.append(abs((difference + 90) % 180 - 90))
        heights.append(text.cap_height / sample.meta["cap_height_px"])
    assert np.median(angles) < 1 and sum(angle > 5 for angle in angles) <= 2
    assert np.median(heights) == pytest.approx(1.04, abs=0.06)
    # A drawing that touches the print is taken for a part of it.
    assert min(heights) > 0.85 and sum(height > 1.2 for height in heights) <= 2


def test_print_is_told_from_wood_drawings_and_specks() -> None:
    bars = [(x, 40, x + 16, 110) for x in (60, 110, 160)]
    image = np.where(rectangles(150, 260, *bars), 40, 250).astype(np.uint8)
    cv2.fillPoly(image, [np.array([[0, 0], [50, 0], [0, 60]])], 30)
    cv2.fillPoly(image, [np.array([[0, 130], [260, 138], [260, 150], [0, 150]])], 50)
    cv2.circle(image, (240, 20), 14, 60, 2)
    cv2.circle(image, (215, 90), 3, 20, -1)
    assert np.array_equal(find_text(image).pixels, rectangles(150, 260, *bars))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.full((90, 200, 3), 250), "darkest parts differ from the paper by 0 grey levels"),
        (np.zeros((1, 1, 3)), "darkest parts"),
        (np.random.default_rng(0).integers(0, 255, (150, 250, 3)), "no dark strokes"),
        (255 - draw_photograph(), "no print"),
        (draw_photograph()[:, :, :1] // 6 + np.array([200, 200, 200]), "45 or more are needed"),
        (draw_photograph(12, 40, blur=0.4), "characters are .* px high, 10 or more are needed"),
    ],
    ids=["blank", "pixel", "noise", "inverted", "pale", "tiny"],
)
def test_photographs_without_usable_print_are_refused(image: np.ndarray, message: str) -> None:
    with pytest.raises(NoPrintError, match=message):
        scratch_photograph(np.random.default_rng(0), image.astype(np.uint8))


@pytest.mark.parametrize("sigma", [0.8, 1.5, 3.0])
def test_sharpness_is_measured(sigma: float) -> None:
    ink = cv2.circle(np.zeros((200, 200), np.float32), (100, 100), 60, 1.0, 22)
    assert measure_blur(cv2.GaussianBlur(ink, (0, 0), sigma)) == pytest.approx(sigma, rel=0.1)


@pytest.mark.parametrize(("noise", "sigma"), [(1.5, 0.0), (4.0, 0.6)])
@pytest.mark.parametrize("paper", [220.0, 400.0], ids=["paper", "overexposed paper"])
def test_noise_is_measured_on_paper_or_on_print(noise: float, sigma: float, paper: float) -> None:
    ink = rectangles(160, 200, (40, 20, 80, 140), (120, 20, 160, 140)).astype(np.float32)
    grey = 40 * ink + paper * (1 - ink) + noise * grain(np.random.default_rng(0), ink.shape, sigma)
    measured = measure_noise(np.clip(grey, 0, 255), np.full_like(grey, min(paper, 255)), ink)
    assert measured == pytest.approx((noise, sigma), rel=0.3, abs=0.25)


@pytest.mark.parametrize("seed", range(12))
def test_scratches_are_visible_and_inside_the_mask(seed: int) -> None:
    image = good_label(seed).image
    sample, change = scratch(image, seed)
    assert sample.image.shape == image.shape and sample.image.dtype == np.uint8
    assert np.count_nonzero(change[sample.mask] > VISIBLE_LEVELS) >= 20
    assert np.count_nonzero(change[~sample.mask] > VISIBLE_LEVELS) <= 20
    assert change[~sample.mask].mean() < 3
    assert MIN_COVERAGE / 2 <= sample.meta["coverage"] <= MAX_COVERAGE
    assert 1 <= len(split_regions(sample.mask)) <= MAX_REGIONS
    assert np.array_equal(sample.image[:, :, 0], sample.image[:, :, 2])


def test_most_of_a_photograph_stays_as_it_is() -> None:
    untouched = [np.mean(scratch(good_label(seed).image, seed)[1] == 0) for seed in range(10)]
    assert np.median(untouched) > 0.85


def test_scratches_follow_from_the_generator() -> None:
    image = draw_photograph()
    first, second, other = (scratch(image, seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(first.image, second.image) and np.array_equal(first.mask, second.mask)
    assert first.meta == second.meta
    assert not np.array_equal(first.image, other.image)


@pytest.mark.parametrize("scale", [0.3, 1, 7])
def test_colour_and_resolution_stay(scale: float) -> None:
    image = draw_photograph(round(160 * scale), round(300 * scale))
    paper, ink = np.array(PAPER, float), np.array(INK, float)
    for seed in range(3):
        sample, change = scratch(image, seed)
        painted = sample.image[change > 60].astype(float)
        # Every scraped pixel is a mixture of the paper's colour and the ink's.
        share = (painted - ink) @ (paper - ink) / np.sum((paper - ink) ** 2)
        mixture = ink + share[:, None] * (paper - ink)
        assert np.percentile(np.abs(painted - mixture).max(axis=1), 95) < 12
        assert np.count_nonzero(change[~sample.mask] > VISIBLE_LEVELS) <= 40 * max(1, scale**2)


def test_scraped_places_are_as_noisy_as_the_paper() -> None:
    image = draw_photograph(640, 1200, noise=4.0)
    fine = []
    for seed in range(4):
        sample, change = scratch(image, seed)
        bare = cv2.erode((change > 120).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        green = sample.image[:, :, 1].astype(np.float32)
        fine.append((green - cv2.GaussianBlur(green, (0, 0), 1))[bare])
    plain = image[:100, :60, 1].astype(np.float32)
    expected = (plain - cv2.GaussianBlur(plain, (0, 0), 1)).std()
    assert np.concatenate(fine).std() == pytest.approx(expected, rel=0.2)


@pytest.mark.parametrize("blur", [1.0, 3.0])
def test_scratches_are_no_sharper_than_the_photograph(blur: float) -> None:
    steepest = 0.0
    for seed in range(6):
        image = draw_photograph(blur=blur)
        sample, _ = scratch(image, seed)
        change = sample.image[:, :, 0].astype(np.float32) - image[:, :, 0]
        steepest = max(steepest, float(np.abs(np.diff(change, axis=0)).max()))
    # Along the bars only scratches have edges; a blurred step rises by 1 / (sigma sqrt(2 pi)).
    limit = (PAPER[0] - INK[0]) / (blur * np.sqrt(2 * np.pi))
    assert 0.4 * limit < steepest < 1.2 * limit
