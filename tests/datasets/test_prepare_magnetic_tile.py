"""datasets/prepare_magnetic_tile.py on a small set of its own, laid out as the download."""

import importlib.util
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from scratch_d2.data.records import scan_folder
from tests.builders import draw_label, rectangles, save

SCRIPT = Path(__file__).parents[2] / "datasets/prepare_magnetic_tile.py"
EXPECTED = {"Crack": 2, "Free": 3, "Uneven": 1}


@pytest.fixture
def script(monkeypatch):
    spec = importlib.util.spec_from_file_location("prepare_magnetic_tile", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "EXPECTED", EXPECTED)
    return module


@pytest.fixture
def download(tmp_path):
    """Two places: 10 to 30 with a crack and a Good crop beside it, and 1000 to 1040."""
    rng, root = np.random.default_rng(0), tmp_path / "download"
    names = {"Crack": [(1, 10), (2, 30)], "Free": [(1, 1000), (2, 1020), (1, 25)]}
    for kind, numbers in {**names, "Uneven": [(3, 1040)]}.items():
        for exposure, number in numbers:
            stem = root / f"MT_{kind}/Imgs/exp{exposure}_num_{number}"
            save(draw_label(rng), stem.with_suffix(".jpg"))
            mask = rectangles(64, 96, *([] if kind == "Free" else [(4, 4, 20, 12)]))
            save(mask.astype(np.uint8) * 255, stem.with_suffix(".png"))
    return root


def test_folders_kinds_groups_and_masks(script, download, tmp_path, capsys):
    output = tmp_path / "tiles"
    assert script.main([str(download), "--output", str(output)]) == 0
    records, _ = scan_folder(output, duplicate_distance=-1)
    facts = {r.image.stem: (r.verdict, r.kind, r.group, bool(r.regions)) for r in records}
    assert facts == {
        "exp1_num_10": ("bad", "crack", "place10", True),
        "exp2_num_30": ("bad", "crack", "place10", True),
        "exp1_num_25": ("good", "", "place10", False),
        "exp1_num_1000": ("good", "", "place1000", False),
        "exp2_num_1020": ("good", "", "place1000", False),
        "exp3_num_1040": ("bad", "uneven", "place1000", True),
    }
    assert "6 photographs in 2 groups, 3 of them Bad" in capsys.readouterr().out


def test_a_partial_download_is_named_and_refused(script, download, tmp_path):
    (download / "MT_Free/Imgs/exp1_num_25.jpg").unlink()
    with pytest.raises(ValueError, match="partial download: MT_Free/Imgs holds 2 of 3"):
        script.main([str(download), "--output", str(tmp_path / "tiles")])
    assert not (tmp_path / "tiles").exists()


def test_a_partial_download_is_taken_if_that_is_asked_for(script, download, tmp_path, capsys):
    (download / "MT_Free/Imgs/exp1_num_25.jpg").unlink()
    assert script.main([str(download), "--output", str(tmp_path / "tiles"), "--partial"]) == 3
    assert "MT_Free/Imgs holds 2 of 3" in capsys.readouterr().err
    assert len(list((tmp_path / "tiles").glob("good/*.jpg"))) == 2


@pytest.mark.parametrize(
    ("spoil", "said", "code"),
    [
        (lambda mask: mask.unlink(), "its mask exp1_num_10.png is missing", 3),
        (
            lambda mask: save(np.zeros((60, 90), np.uint8), mask),
            "the mask is 90 x 60, its photograph 96 x 64 pixels",
            3,
        ),
        (lambda mask: mask.write_bytes(b"x"), "cannot identify image file", 3),
        (lambda mask: mask.write_bytes(break_chunk(mask.read_bytes())), "broken PNG file", 3),
        (lambda mask: save(np.zeros((64, 96), np.uint8), mask), "the mask marks no pixel", 0),
    ],
)
def test_an_unusable_mask_is_named_and_left_out(
    script, download, tmp_path, capsys, spoil, said, code
):
    spoil(download / "MT_Crack/Imgs/exp1_num_10.png")
    output = tmp_path / "tiles"
    assert script.main([str(download), "--output", str(output)]) == code
    assert said in capsys.readouterr().err
    assert (output / "bad/crack/exp1_num_10.jpg").is_file()
    assert [path.name for path in output.glob("masks/crack/*")] == ["exp2_num_30.png"]


def break_chunk(content: bytes) -> bytes:
    """Break a PNG between the chunks of its pixels, where Pillow raises SyntaxError."""
    start = content.index(b"IDAT") + 4
    length, end = struct.pack(">I", 8), content.rindex(b"IEND")
    checksum = struct.pack(">I", zlib.crc32(content[start - 4 : start + 8]))
    return (
        content[: start - 8]
        + length
        + content[start - 4 : start + 8]
        + checksum
        + b"\0\0\0\x08\x91DAT"
        + content[start + 8 : end]
    )


@pytest.mark.parametrize("size", [0, 700])
def test_a_photograph_that_was_cut_short_is_named_and_left_out(
    script, download, tmp_path, capsys, size
):
    for kind, name in (("Free", "exp1_num_25"), ("Crack", "exp1_num_10")):
        photograph = download / f"MT_{kind}/Imgs/{name}.jpg"
        photograph.write_bytes(photograph.read_bytes()[:size])
    output = tmp_path / "tiles"
    assert script.main([str(download), "--output", str(output)]) == 3
    said = capsys.readouterr()
    assert said.err.count("it is left out") == 2 and "exp1_num_25.jpg" in said.err
    assert "4 photographs in 2 groups, 2 of them Bad" in said.out
    assert len(scan_folder(output, duplicate_distance=-1)[0]) == 4
    assert not list(output.rglob("exp1_num_10.*"))


def test_another_folder_is_refused(script, tmp_path):
    with pytest.raises(FileNotFoundError, match="holds none of the folders MT_Crack"):
        script.main([str(tmp_path), "--output", str(tmp_path / "tiles")])
