import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco_mask

from scratch_d2.structures.masks import (
    decode_columns,
    decode_rle,
    encode_rle,
    encode_rle_part,
    mask_to_box,
    mask_to_polygons,
    rle_areas,
    split_regions,
    to_rle,
    union_of_rles,
)
from tests.builders import rectangles

masks = hnp.arrays(bool, st.tuples(st.integers(1, 14), st.integers(1, 14)))
MASK = rectangles(12, 20, (3, 2, 9, 5), (15, 8, 16, 12))


@given(masks)
def test_polygons_lose_nothing(mask):
    polygons = mask_to_polygons(mask)
    if not mask.any():
        assert polygons == []
        return
    np.testing.assert_array_equal(decode_rle(to_rle(polygons, *mask.shape)), mask)


@given(masks)
def test_rle_is_that_of_pycocotools_and_comes_back(mask):
    theirs = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    assert encode_rle(mask) == {"size": theirs["size"], "counts": theirs["counts"].decode()}
    np.testing.assert_array_equal(decode_rle(encode_rle(mask)), mask)


@given(masks)
def test_columns_hold_all_of_a_mask(mask):
    columns, left = decode_columns(encode_rle(mask))
    found = np.zeros_like(mask)
    found[:, left : left + columns.shape[1]] = columns
    np.testing.assert_array_equal(found, mask)
    assert columns[:, [0, -1]].any(axis=0).all() if mask.any() else not columns.size


@given(masks, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
def test_a_part_is_encoded_as_the_whole(part, top, left, margin):
    whole = np.pad(part, ((top, margin), (left, margin)))
    assert encode_rle_part(part, top, left, whole.shape) == encode_rle(whole)


@given(masks)
def test_regions_are_whole_and_boxed(mask):
    regions = split_regions(mask)
    assert sum(region.sum() for region in regions) == mask.sum()
    for region in regions:
        x0, y0, x1, y1 = mask_to_box(region)
        assert region[y0:y1, x0:x1].sum() == region.sum() and x1 > x0 and y1 > y0
    union = union_of_rles([encode_rle(region) for region in regions], *mask.shape)
    np.testing.assert_array_equal(union, mask)


@pytest.mark.parametrize("count", [0, 1, 255, 256, 600])
def test_masks_may_be_many(count):
    """From 256 masks on, pycocotools overflows with NumPy 2."""
    bars = [rectangles(9, 700, (x, 0, x + 1, x % 9)) for x in range(count)]
    rles = [encode_rle(bar) for bar in bars]
    np.testing.assert_array_equal(rle_areas(rles), [x % 9 for x in range(count)])
    assert union_of_rles(rles, 9, 700).sum() == sum(x % 9 for x in range(count))


def test_boxes_agree_with_pycocotools():
    x0, y0, x1, y1 = mask_to_box(rectangles(12, 20, (3, 2, 9, 5)))
    box = coco_mask.toBbox(coco_mask.encode(np.asfortranarray(MASK[:, :10], np.uint8)))
    assert [x0, y0, x1 - x0, y1 - y0] == box.tolist() == [3, 2, 6, 3]
