"""Mutated files of every kind: an array of the contract comes out, or an ImageError."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratch_d2.data.images import ImageError, read_image
from scratch_d2.data.mask_files import read_mask
from scratch_d2.structures.images import to_uint8
from tests.data.files import HEIGHT, WIDTH, valid_files

# pytest sets aside the filters that the package sets.
pytestmark = pytest.mark.filterwarnings(
    "ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning"
)
FILES = valid_files()
EXTREMES = [0, 1, 8, 255, 65_535, 70_000, 2**31 - 1, 2**31, 2**32 - 1]
words = st.sampled_from(EXTREMES).flatmap(
    lambda value: st.sampled_from([struct.pack("<I", value), struct.pack(">I", value)])
)
# Most of what a decoder believes stands at the beginning.
places = st.integers(0, 60) | st.integers(0, 4000)
edits = st.tuples(
    st.sampled_from(["set", "insert", "delete", "cut", "repeat"]),
    places,
    st.binary(min_size=1, max_size=4) | words,
)


def mutate(content: bytes, edit: tuple[str, int, bytes]) -> bytes:
    """Change a file at one place, counted from its beginning and round again."""
    kind, place, new = edit
    at = place % max(1, len(content))
    old = content[at : at + len(new)]
    head, tail = content[:at], content[at + len(old) :]
    changed = {"set": new, "insert": old + new, "delete": b"", "repeat": old * 50}
    return head if kind == "cut" else head + changed[kind] + tail


def with_right_checksums(content: bytes) -> bytes:
    """Set the checksums of a PNG right again, or its decoder looks at nothing that changed."""
    fixed, at = content[:8], 8
    while at + 8 <= len(content):
        end = at + 8 + int.from_bytes(content[at : at + 4], "big")
        body = content[at + 4 : end]
        fixed += content[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at = end + 4
    return fixed


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "mutant.png"


@pytest.mark.parametrize("kind", FILES)
@given(st.lists(edits, min_size=1, max_size=4))
def test_whatever_a_file_holds(file, kind, changes):
    content = FILES[kind]
    for change in changes:
        content = mutate(content, change)
    file.write_bytes(with_right_checksums(content) if kind.startswith("png") else content)
    for read, dtype, channels in ((read_image, np.uint8, (3,)), (read_mask, bool, ())):
        try:
            array = read(file)
        except ImageError as error:
            assert "mutant.png" in str(error)
        else:
            assert array.dtype == dtype and array.shape[2:] == channels and array.size > 0


@given(st.binary(max_size=300), st.sampled_from([b"", b"BM", b"II*\0", b"\xff\xd8\xff", b"RIFF"]))
def test_whatever_follows_the_first_bytes(file, content, head):
    file.write_bytes(head + content)
    with pytest.raises(ImageError):
        read_image(file)


@pytest.mark.parametrize("kind", FILES)
def test_every_cut_of_a_file_is_refused_or_whole(file, kind):
    whole = FILES[kind]
    file.write_bytes(whole)
    expected = read_image(file)
    assert expected.shape in ((HEIGHT, WIDTH, 3), (WIDTH, HEIGHT, 3))
    for size in range(1, len(whole), 1 + len(whole) // 40):
        file.write_bytes(whole[:size])
        try:
            found = read_image(file)
        except ImageError:
            continue
        np.testing.assert_array_equal(found, expected)


@given(
    st.sampled_from([np.uint16, np.int32, np.float32]),
    st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=9),
    st.integers(1, 600),
)
def test_high_depths_keep_their_order(dtype, values, rows):
    array = np.repeat(np.array([values]).astype(dtype), rows, axis=0)
    scaled = to_uint8(array)
    assert scaled.shape == array.shape and (scaled == scaled[0]).all()
    order = np.argsort(array[0], kind="stable")
    assert (np.diff(scaled[0][order].astype(int)) >= 0).all()
