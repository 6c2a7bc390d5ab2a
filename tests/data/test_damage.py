"""Files that were cut short and closed again are refused; whole ones never are."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from scratch_d2.data.images import ImageError, read_image
from tests.builders import draw_label
from tests.data.files import encode

LABEL = draw_label(np.random.default_rng(0), 150, 290)
JPEGS = {
    "baseline": {"quality": 92},
    "coarse": {"quality": 30},
    "full colour": {"quality": 92, "subsampling": 0},
    "optimised": {"quality": 92, "optimize": True},
    "restarts": {"quality": 92, "restart_marker_rows": 1},
    "many restarts": {"quality": 92, "restart_marker_blocks": 3},
    "progressive": {"quality": 92, "progressive": True},
}
WEBPS = {"lossy": {"quality": 90}, "fast": {"quality": 60, "method": 0}, "small": {"quality": 5}}


def with_ends() -> dict[str, np.ndarray]:
    """Labels whose lower part is uniform, as paper is, and pictures of nothing."""
    tails = {"label": LABEL}
    for grey in (0, 127, 128, 129, 255):
        tails[f"uniform {grey}"] = np.full((160, 240, 3), grey, np.uint8)
        tails[f"label on {grey}"] = np.vstack([LABEL, np.full((330, 290, 3), grey, np.uint8)])
    ramp = np.linspace(0, 255, 400).astype(np.uint8)
    tails["gradient"] = np.repeat(np.repeat(ramp[:, None, None], 300, axis=1), 3, axis=2)
    tails["tiny"] = LABEL[:1, :1]
    return tails


def write_and_read(path, content):
    path.write_bytes(content)
    return read_image(path)


@pytest.mark.parametrize("image", with_ends().values(), ids=with_ends())
def test_whole_files_are_read(tmp_path, image):
    packed = {name: {"compression": name} for name in ("tiff_lzw", "tiff_deflate", "packbits")}
    kinds = {"JPEG": JPEGS, "WEBP": WEBPS, "TIFF": packed, "PNG": {"": {}}, "AVIF": {"": {}}}
    for kind, variants in kinds.items():
        for options in variants.values():
            for form in (Image.fromarray(image), Image.fromarray(image[..., 0])):
                content = encode(form, kind, **options)
                assert write_and_read(tmp_path / "a", content).shape == image.shape


@pytest.mark.parametrize("share", [0.35, 0.6, 0.8, 0.97])
@pytest.mark.parametrize("options", JPEGS.values(), ids=JPEGS)
@pytest.mark.parametrize("end", [b"\xff\xd9", None], ids=["closed", "zeros"])
def test_jpegs_cut_short_are_refused(tmp_path, options, share, end):
    whole = encode(Image.fromarray(LABEL), "JPEG", **options)
    size = int(len(whole) * share)
    with pytest.raises(ImageError, match="damaged image"):
        write_and_read(tmp_path / "a.jpg", whole[:size] + (end or bytes(len(whole) - size)))


def test_progressive_jpegs_without_their_last_scans_are_refused(tmp_path):
    whole = encode(Image.fromarray(LABEL), "JPEG", progressive=True)
    scans = [at for at in range(len(whole)) if whole[at : at + 2] == b"\xff\xda"]
    for start in scans[1:]:
        tables = whole[:start].rfind(b"\xff\xc4")  # in front of each scan
        with pytest.raises(ImageError, match="some scans of its progressive data are missing"):
            write_and_read(tmp_path / "a.jpg", whole[:tables] + b"\xff\xd9")


@pytest.mark.parametrize("spare", [b"\0" * 9, b"\xff\xff", b""], ids=["zeros", "fill", "none"])
def test_a_few_bytes_more_before_and_behind_the_end_are_borne(tmp_path, spare):
    whole = encode(Image.fromarray(LABEL), "JPEG", quality=92)
    expected = write_and_read(tmp_path / "a.jpg", whole)
    found = write_and_read(tmp_path / "a.jpg", whole[:-2] + spare + whole[-2:] + bytes(999))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("share", [0.35, 0.6, 0.95])
@pytest.mark.parametrize("options", WEBPS.values(), ids=WEBPS)
@pytest.mark.parametrize("fill", [0, 255, None], ids=["zeros", "ones", "closed"])
def test_webps_cut_short_are_refused(tmp_path, options, share, fill):
    whole = encode(Image.fromarray(LABEL), "WEBP", **options)
    size = int(len(whole) * share) // 2 * 2
    if fill is None:
        sizes = struct.pack("<I", size - 8), struct.pack("<I", size - 20)
        content = whole[:4] + sizes[0] + whole[8:16] + sizes[1] + whole[20:size]
    else:
        content = whole[:size] + bytes([fill]) * (len(whole) - size)
    with pytest.raises(ImageError, match="damaged image"):
        write_and_read(tmp_path / "a.webp", content)


@pytest.mark.parametrize("kind", ["AVIF", "GIF", "JPEG2000", "PNG"])
def test_other_kinds_filled_with_zeros_are_refused(tmp_path, kind):
    whole = encode(Image.fromarray(LABEL), kind)
    for share in (0.2, 0.5, 0.8, 0.97):
        size = int(len(whole) * share)
        with pytest.raises(ImageError):
            write_and_read(tmp_path / "a", whole[:size] + bytes(len(whole) - size))


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_tiffs_whose_strips_are_filled_with_zeros_are_refused(tmp_path, compression):
    whole = encode(Image.fromarray(LABEL), "TIFF", compression=compression)
    tags = Image.open(io.BytesIO(whole)).tag_v2
    begin, size = tags[273][-1], tags[279][-1]
    assert write_and_read(tmp_path / "a", whole).shape == LABEL.shape
    for share in (0, 0.5, 0.9):
        cut = begin + int(size * share)
        content = whole[:cut] + bytes(begin + size - cut) + whole[begin + size :]
        with pytest.raises(ImageError, match="damaged image"):
            write_and_read(tmp_path / "a", content)
