import re

import numpy as np
import pytest

from scratch_d2.inspection.overlay import COLOURS, draw_overlay
from scratch_d2.inspection.pictures import Pictures, picture_name
from scratch_d2.structures.verdict import judge
from tests.inspection.fakes import THRESHOLDS, bright_detector


@pytest.mark.parametrize(
    ("text", "kinds", "of_good"),
    [
        ("overlays,masks,bad", ("overlays", "masks"), False),
        ("all", ("overlays", "masks"), True),
        ("masks", ("masks",), False),
        ("masks, overlays", ("overlays", "masks"), False),
        ("overlays,all", ("overlays",), True),
        ("none", (), False),
    ],
)
def test_words_say_which_pictures_are_saved(text, kinds, of_good):
    pictures = Pictures.parse(text)
    assert (pictures.kinds, pictures.of_good) == (kinds, of_good)
    assert Pictures.parse(str(pictures)) == pictures


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mask", "'mask' is not accepted; accepted are overlays, masks, none, all, bad"),
        ("", "'' is not accepted"),
        ("all,bad", "contradicts itself"),
        ("none,masks", "contradicts itself"),
    ],
)
def test_other_words_are_refused(text, said):
    with pytest.raises(ValueError, match=said):
        Pictures.parse(text)


def test_pictures_have_safe_and_unique_names(tmp_path):
    name = picture_name(7, tmp_path / ("a b\n/ü" + "x" * 200 + ".png"))
    assert re.fullmatch(r"000007_[A-Za-z0-9._-]+\.png", name) and len(name) < 120


def test_overlays_show_verdict_mask_and_box():
    image = np.full((40, 50, 3), 90, np.uint8)
    prediction = bright_detector([image + 100])[0]
    overlay = draw_overlay(image, prediction, judge(prediction, 0.7, THRESHOLDS), THRESHOLDS)
    scale = 13  # 640 / 50, rounded
    assert overlay.shape[1] == 50 * scale and overlay.shape[0] > 40 * scale
    assert tuple(overlay[0, 0]) == COLOURS["bad"]
    below = overlay[-40 * scale :]
    tinted = below[20 * scale, 15 * scale].astype(int)
    assert tinted[0] > tinted[1] + 20  # inside the mask
    np.testing.assert_array_equal(below[38 * scale, 45 * scale], (90, 90, 90))
    np.testing.assert_array_equal(below[scale, scale], (90, 90, 90))  # score 0.1 does not count
