import re

import numpy as np
import pytest

from scratch_d2.review.photograph import FINEST, describe, encode_picture, trace
from tests.builders import rectangles, save
from tests.review.results import BESIDE, FAINT, SCRATCH, THRESHOLDS, make_row


def corners(traced):
    """The least and the greatest coordinates of a path, in px of the photograph."""
    x, y, step_x, step_y = traced["place"]
    start, steps = re.fullmatch(r"M([^l]+)l(.+)z", traced["path"]).groups()
    points = [tuple(map(int, pair.split(","))) for pair in (start, *steps.split(" "))]
    points = np.cumsum(points, axis=0) * [step_x, step_y] + [x, y]
    return [*points.min(axis=0).tolist(), *points.max(axis=0).tolist()]


def test_an_outline_lies_around_its_mask():
    assert corners(trace(rectangles(64, 96, (10, 20, 41, 30)))) == [9, 19, 41, 30]
    assert corners(trace(rectangles(64, 96, (0, 0, 1, 1)))) == [-1, -1, 1, 1]
    assert trace(rectangles(64, 96)) == {"path": "", "place": [0, 0, 1, 1]}


def test_a_large_outline_is_drawn_on_a_coarser_grid_in_the_same_place():
    traced = trace(rectangles(3000, 4000, (500, 100, 500 + 3 * FINEST, 700)))
    assert traced["place"][2:] == [3, 3]
    assert corners(traced) == pytest.approx([498, 98, 3501, 701], abs=0.01)


def test_outlines_are_those_that_count():
    row = make_row(7, "a/b.png", "bad", 0.4, {SCRATCH: 0.9, FAINT: 0.1, BESIDE: 0.5})
    shown = describe(row, THRESHOLDS)
    assert [(each["index"], each["score"]) for each in shown["outlines"]] == [(0, 0.9), (2, 0.5)]
    assert (shown["name"], shown["size"], shown["p_bad"]) == ("b.png", [96, 64], 0.4)
    row["instances"][0]["segmentation"]["size"] = [64, 95]
    with pytest.raises(ValueError, match=r"the mask is \[64, 95\], its image \[64, 96\] pixels"):
        describe(row, THRESHOLDS)


@pytest.mark.parametrize(("height", "kind"), [(20, "image/png"), (2100, "image/jpeg")])
def test_large_photographs_are_sent_as_jpeg(tmp_path, height, kind):
    file = save(np.full((height, 2000, 3), 90, np.uint8), tmp_path / "a.png")
    content, sent = encode_picture(file)
    assert sent == kind and content.startswith(b"\x89PNG" if height == 20 else b"\xff\xd8")
