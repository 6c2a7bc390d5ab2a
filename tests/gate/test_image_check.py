import numpy as np
import pytest

from scratch_d2.gate.image_check import ImageCheck, measure_image
from scratch_d2.gate.loading import image_check_of
from scratch_d2.synthetic.render import Spec, render
from tests.gate.gates import make_gate

GREY = np.ones(3, np.uint8)


@pytest.fixture(scope="module")
def labels():
    rng = np.random.default_rng(5)
    return [render(rng, Spec()).image for _ in range(60)]


@pytest.fixture(scope="module")
def check(labels):
    return ImageCheck.learn([measure_image(image) for image in labels[:40]])


def two_tones(height: int, width: int, dark: int, light: int, columns: int) -> np.ndarray:
    image = np.full((height, width), light, np.uint8)
    image[:, :columns] = dark
    return image[:, :, None] * GREY


def test_what_is_measured():
    measured = measure_image(two_tones(40, 100, 20, 220, columns=25))
    assert measured == {
        "short_side": 40.0,
        "paper": 220.0,
        "contrast": 200.0,
        "two_tone": pytest.approx(1.0),
        "print_share": 0.25,
        "grain": pytest.approx(2 * 200 / 100 / 200),
    }


def test_labels_like_those_in_training_can_be_judged(labels, check):
    assert [check.doubt(image) for image in labels[40:]].count(None) >= 19


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (two_tones(150, 280, 0, 0, 0), "it is too dark (brightest grey level 0, limit "),
        (two_tones(150, 280, 0, 255, 0), "too little contrast (grey levels 0, limit "),
        (two_tones(150, 280, 0, 128, 0), "too little contrast (grey levels 0, limit "),
        (
            two_tones(150, 280, 10, 250, 6),
            "hardly anything is printed on it (share of print 2.3%, limit ",
        ),
        (two_tones(1, 1, 0, 200, 0), "it is too small (shorter side 1 px, limit "),
        (two_tones(1, 600, 0, 200, 90), "it is too small (shorter side 1 px, limit "),
    ],
)
def test_what_no_label_looks_like_cannot(image, reason, check):
    assert reason in check.doubt(image)


def test_noise_and_a_label_in_the_dark_cannot(labels, check):
    noise = np.random.default_rng(0).integers(0, 256, (150, 280, 1), dtype=np.uint8) * GREY
    assert "full of noise" in check.doubt(noise)
    assert all("it is too dark" in check.doubt(image // 8) for image in labels)


def test_limits_travel_as_plain_values_and_widen(check):
    assert ImageCheck.from_dict(check.to_dict()) == check
    other = ImageCheck({**check.low, "paper": 10.0}, {"grain": 0.0})
    both = check.widened(other)
    assert both.low == {**check.low, "paper": 10.0} and both.high == check.high


def test_a_gate_brings_the_limits_of_its_training_images(check):
    gate = make_gate()
    assert image_check_of(gate) is None and image_check_of(None) is None
    gate.info["image_check"] = check.to_dict()
    assert image_check_of(gate) == check
