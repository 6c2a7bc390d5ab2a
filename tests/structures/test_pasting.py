import numpy as np
import pytest
import torch

from scratch_d2.engines.embedded import model
from scratch_d2.structures.pasting import paste_mask

SIZE = (90, 140)


def paste(mask, box):
    """The whole photograph's mask of `paste_mask`."""
    canvas = np.zeros(SIZE, bool)
    part, top, left = paste_mask(mask, box, SIZE)
    canvas[top : top + part.shape[0], left : left + part.shape[1]] = part
    return canvas


@pytest.mark.parametrize("cells", [7, 28])
@pytest.mark.parametrize("seed", range(10))
def test_masks_are_pasted_as_with_torch(cells, seed):
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, [140, 90], (2, 2))
    box = np.concatenate([corners.min(axis=0), corners.max(axis=0)]).astype(np.float32)
    mask = rng.random((cells, cells), np.float32)
    found = paste(mask, box)
    expected = model.paste_mask(torch.from_numpy(mask), torch.from_numpy(box), SIZE)
    np.testing.assert_array_equal(found, expected)


def test_a_full_mask_fills_its_box_and_nothing_else():
    found = paste(np.ones((28, 28), np.float32), np.array([20, 10, 60, 50], np.float32))
    assert found[11:49, 21:59].all() and found.sum() >= 40 * 40 - 4
    found[10:50, 20:60] = False
    assert not found.any()
