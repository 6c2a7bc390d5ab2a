"""What the report's page is made from."""

import re

import numpy as np
import pytest

from scratch_d2.report import write_report
from scratch_d2.structures.outlines import GRID, grid_size, outline
from tests.builders import rectangles
from tests.report.pages import (
    SAVED,
    simulate,
)


def test_an_image_without_prediction_is_named(tmp_path):
    dicts, predictions, images = simulate(tmp_path, [True, False])
    del predictions[101]
    with pytest.raises(ValueError, match="Code00001.png: image_id 101 has no"):
        write_report(tmp_path, dicts, predictions, images, {}, SAVED, {})


@pytest.mark.parametrize("size", [(40, 60), (3000, 2000)])
def test_outlines_run_around_the_mask_and_keep_thin_lines(size):
    mask = rectangles(*size, (10, 20, 30, 21))
    width, height = grid_size(*size)
    assert max(width, height) <= max(60, GRID)
    path = outline(mask, (width, height))
    points = [tuple(map(int, pair.split(","))) for pair in re.findall(r"-?\d+,-?\d+", path)]
    start, *steps = points
    corners = np.cumsum([start, *steps], axis=0)
    scale = width / size[1]
    assert corners.min(axis=0) == pytest.approx([10 * scale - 1, 20 * scale - 1], abs=1)
    assert corners.max(axis=0) == pytest.approx([30 * scale, 21 * scale], abs=1)
    assert outline(np.zeros(size, bool), (width, height)) == ""
