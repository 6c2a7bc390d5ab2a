"""Subfolders of a dataset, linked folders, and files that are not used."""

import numpy as np

from scratch_d2.data.records import scan_folder
from tests.builders import save, write_dataset


def test_photographs_in_subfolders_are_used_with_their_masks(tmp_path):
    for part in ("2024", "2025/may"):
        write_dataset(tmp_path / "all", good=1, bad=2, seed=len(part))
        for kind in ("good", "bad", "masks"):
            (tmp_path / kind / part).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "all" / kind).rename(tmp_path / kind / part)
    records, report = scan_folder(tmp_path)
    assert [str(r.image.relative_to(tmp_path)) for r in records if r.verdict == "good"] == [
        "good/2024/good0.png",
        "good/2025/may/good0.png",
    ]
    masks = {str(r.image.relative_to(tmp_path)): r.mask for r in records if r.verdict == "bad"}
    assert all(mask == tmp_path / name.replace("bad/", "masks/", 1) for name, mask in masks.items())
    assert len(masks) == 4 and report.lines() == []


def test_masks_of_subfolders_may_lie_in_one_folder_unless_names_recur(tmp_path):
    write_dataset(tmp_path, good=0, bad=3)
    for name, part in (("bad0", "2024"), ("bad1", "2025")):
        (tmp_path / "bad" / part).mkdir()
        (tmp_path / f"bad/{name}.png").rename(tmp_path / f"bad/{part}/{name}.png")
    save(np.full((64, 96, 3), 9, np.uint8), tmp_path / "bad/2025/bad2.png")
    records, report = scan_folder(tmp_path)
    masks = {str(r.image.relative_to(tmp_path / "bad")): r.mask and r.mask.name for r in records}
    assert masks == {
        "2024/bad0.png": "bad0.png",
        "2025/bad1.png": "bad1.png",
        "2025/bad2.png": None,  # masks/bad2.png is that of bad/bad2.png
        "bad2.png": "bad2.png",
    }


def test_folders_of_two_spellings_and_linked_folders_are_used_once(tmp_path):
    write_dataset(tmp_path / "root", good=2, bad=0)
    write_dataset(tmp_path / "other", good=1, bad=0, seed=5)
    (tmp_path / "other/good").rename(tmp_path / "root/Good")
    save(np.zeros((64, 96, 3), np.uint8), tmp_path / "away/far.png")
    (tmp_path / "root/good/link").symlink_to(tmp_path / "away", target_is_directory=True)
    (tmp_path / "away/loop").symlink_to(tmp_path / "root", target_is_directory=True)
    records, report = scan_folder(tmp_path / "root")
    files = sorted(str(record.image.relative_to(tmp_path / "root")) for record in records)
    assert files == ["Good/good0.png", "good/good0.png", "good/good1.png", "good/link/far.png"]
    assert report.good_and_bad == []


def test_what_is_not_used_is_counted_and_named(tmp_path):
    write_dataset(tmp_path, good=1, bad=2)
    for name in ("bad/bad0.json", "bad/bad1.json", "good/notes.doc", "good/a.HEIC"):
        (tmp_path / name).write_bytes(b"\0\0\0\x18ftypheic" + bytes(9))
    save(np.zeros((9, 9), np.uint8), tmp_path / "loose.png")
    save(np.zeros((9, 9), np.uint8), tmp_path / "unsorted/later.png")
    records, report = scan_folder(tmp_path)
    lines = "\n".join(report.lines())
    assert len(records) == 3
    assert "2 files are not used (2 .json), like bad0.json; labels in text files are not" in lines
    assert "1 file is not used (1 .doc), like notes.doc" in lines
    assert "a.HEIC': HEIC, which is not read" in lines
    assert "1 photograph is outside of good/ and bad/ and not used, like loose.png" in lines
    assert "unsorted: holds photographs that are not used, like later.png" in lines
