"""The brush of Label Studio: its run lengths come from its own converter, and go back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scratch_d2.formats.brush import decode_brush, encode_brush
from tests.builders import rectangles

# What mask2rle of label-studio-converter 0.0.59 returns of MASK, with 128 in its corner.
PACKED = (
    *(0, 0, 0, 252, 57, 27, 252, 112, 24, 156, 2, 255, 254, 19, 0, 191, 255, 132, 192, 47),
    *(255, 225, 48, 11, 255, 249, 60, 2, 63, 240),
)
MASK = rectangles(7, 9, (2, 1, 6, 5), (8, 6, 9, 7), (0, 0, 1, 1))


def test_what_label_studio_packs_is_read():
    np.testing.assert_array_equal(decode_brush(list(PACKED), 7, 9), MASK)


@given(arrays(bool, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_a_mask_comes_back(mask):
    np.testing.assert_array_equal(decode_brush(encode_brush(mask), *mask.shape), mask)


def test_long_runs_are_parted():
    mask = np.zeros((300, 400), bool)
    mask[150] = True
    np.testing.assert_array_equal(decode_brush(encode_brush(mask), 300, 400), mask)


def test_single_values_are_read():
    bits = (
        f"{8:032b}{7:05b}"
        + "0010" * 4
        + "0"
        + "00"
        + "111"
        + "".join(f"{value:08b}" for value in (9, 9, 9, 0, 1, 2, 3, 255))
    )
    octets = [int(bits[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(bits), 8)]
    assert decode_brush(octets, 1, 2).tolist() == [[False, True]]


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (list(PACKED[:20]), "end before its image does"),
        ([255] * 4 + [0] * 20, "a brush of 4294967295 values; its image has 7 x 9 x 4"),
        ([0, 0, 0], "no list of numbers"),
        ([*PACKED[:-1], 256], "no list of numbers"),
        ([*PACKED[:-1], 1.5], "no list of numbers"),
        ("text", "no list of numbers"),
        ([[1, 2]], "no list of numbers"),
    ],
)
def test_what_is_no_brush_is_refused(octets, said):
    with pytest.raises(ValueError, match=said):
        decode_brush(octets, 7, 9)
