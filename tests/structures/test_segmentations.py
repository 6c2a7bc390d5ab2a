import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco_mask

from scratch_d2.structures import segmentations
from scratch_d2.structures.dataset_dict import annotation_rle
from scratch_d2.structures.masks import decode_rle, encode_rle, to_rle
from tests.builders import rectangles

MASK = rectangles(12, 20, (3, 2, 9, 5), (15, 8, 16, 12))
TEXT = encode_rle(MASK)["counts"]


def runs_of(mask: np.ndarray) -> list[int]:
    """The runs of an HxW mask, column by column, beginning with background."""
    pixels = mask.ravel(order="F")
    changes = np.flatnonzero(np.diff(pixels, prepend=False))
    return np.diff(changes, prepend=0, append=len(pixels)).tolist()


@given(hnp.arrays(bool, st.tuples(st.integers(1, 90), st.integers(1, 90))))
def test_runs_come_back_as_list_text_and_bytes(mask):
    height, width = mask.shape
    runs, text = runs_of(mask), encode_rle(mask)["counts"]
    for counts in (runs, text, text.encode()):
        rle = to_rle({"size": [height, width], "counts": counts}, height, width)
        np.testing.assert_array_equal(decode_rle(rle), mask)


def test_a_run_of_a_whole_large_image_is_read():
    empty = coco_mask.frPyObjects({"size": [9000, 9000], "counts": [81_000_000]}, 9000, 9000)
    assert to_rle(empty, 9000, 9000)["counts"] == empty["counts"].decode()


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        (runs_of(MASK)[:-1], "add up to 192; its image has 12 x 20 = 240 pixels"),
        (runs_of(MASK)[:4], "add up to .*240 pixels"),
        ([*runs_of(MASK), 50_000], "add up to 50240"),
        ([-5, 245], "the least of them -5"),
        ([], "whole numbers are expected"),
        ([240.0], "whole numbers are expected"),
        ([2**40, 240 - 2**40], "accepted is below"),
        ("", "no compressed RLE"),
        (f"b'{TEXT}'", "no compressed RLE"),
        (TEXT[:-2], "add up to|no compressed RLE"),
        (TEXT + TEXT, "add up to"),
        ("o" * 20, "no compressed RLE"),
        ("o" * 20 + "1", "too long for any image"),
        ("ü", "no compressed RLE"),
        (None, "whole numbers are expected"),
    ],
)
def test_runs_that_do_not_fill_the_image_are_refused(counts, reason):
    with pytest.raises(ValueError, match=reason):
        to_rle({"size": [12, 20], "counts": counts}, 12, 20)


@given(st.text(alphabet=[chr(c) for c in range(40, 120)], max_size=12))
def test_whatever_text_is_refused_or_fills_the_image(text):
    try:
        rle = to_rle({"size": [12, 20], "counts": text}, 12, 20)
    except ValueError:
        return
    assert decode_rle(rle).shape == (12, 20)


@pytest.mark.parametrize(
    ("polygons", "reason"),
    [
        ([[float("nan"), 1, 5, 5, 9, 1]], "polygon 0 has a coordinate that is no finite number"),
        ([[1, 1, 5, 5, 9, float("inf")]], "no finite number"),
        ([[1, 1, 5, 5, 9, 1], [1e12, 1, 5, 5, 9, 1]], "polygon 1 reaches .* far outside"),
        ([[1, 1, 5, 5, 9, -40]], "far outside of its image of 20 x 12 pixels"),
        ([[1, 1, 5, 5, 9, 1, 7]], "polygon 0 has 7 coordinates; an even number, 6 or more"),
        ([[1, 1, 5, 5]], "polygon 0 has 4 coordinates"),
        ([[1, 1, 5, "x", 9, 1]], "numbers are expected"),
        ([1, 1, 5, 5, 9, 1], "polygon 0 has 1 coordinates"),
        ([], "polygons or an RLE are expected"),
        (None, "polygons or an RLE are expected"),
    ],
)
def test_polygons_that_are_none_are_refused(polygons, reason):
    with pytest.raises(ValueError, match=reason):
        to_rle(polygons, 12, 20)


def test_polygons_a_little_outside_are_cut_at_the_border():
    mask = decode_rle(to_rle([[-4, -4, 5, -4, 5, 30, -4, 30]], 12, 20))
    np.testing.assert_array_equal(mask, rectangles(12, 20, (0, 0, 5, 12)))


def test_image_and_annotation_are_named():
    broken = {"segmentation": [[1, 1, 5]]}
    annotations = [{"segmentation": [[1, 1, 5, 5, 9, 1]]}, broken]
    item = {"file_name": "a/b.png", "height": 12, "width": 20, "annotations": annotations}
    with pytest.raises(ValueError, match="'a/b.png', annotation 1: polygon 0 has 3 coordinates"):
        annotation_rle(item, broken)


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=60))
def test_short_and_long_texts_are_parsed_alike(counts):
    size = [1, sum(counts)]
    text = coco_mask.frPyObjects({"size": size, "counts": counts}, *size)["counts"]
    assert segmentations._parse_short(text) == segmentations._parse(text).tolist() == counts


@pytest.mark.parametrize("text", [b"", b"P", b"\x10", b"oooooooo0", b"\xff0"])
def test_what_is_no_text_of_runs_is_left_to_the_explanation(text):
    assert segmentations._parse_short(text) == []
    with pytest.raises(ValueError, match="mask"):
        segmentations._parse(text)
