import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from scratch_d2.data.images import read_image
from scratch_d2.data.probe import probe_image
from scratch_d2.data.records import scan_folder
from tests.builders import rectangles, save, write_dataset


def names(paths) -> set[str]:
    return {Path(path).name for path in paths}


def test_masks_pair_by_stem_whatever_the_suffix_case_and_order(tmp_path):
    write_dataset(tmp_path, good=2, bad=3)
    (tmp_path / "bad").rename(tmp_path / "BAD")
    (tmp_path / "masks" / "bad1.png").rename(tmp_path / "masks" / "bad1.BMP")
    (tmp_path / "masks" / "bad0.png").unlink()
    records, report = scan_folder(tmp_path)
    pairs = {record.image.stem: record.mask and record.mask.stem for record in records}
    assert pairs == {"good0": None, "good1": None, "bad0": None, "bad1": "bad1", "bad2": "bad2"}
    assert names(report.bad_without_mask) == {"bad0.png"}
    assert [len(record.regions) for record in records if record.mask] == [1, 1]
    assert (records[0].width, records[0].height) == (96, 64)


def test_everything_odd_is_reported_by_name(tmp_path):
    write_dataset(tmp_path, good=2, bad=4)
    (tmp_path / "good" / "zero.png").touch()
    (tmp_path / "good" / "notes.txt").write_text("no image, no concern")
    (tmp_path / "masks" / "bad0.png").write_text("no mask")
    save(rectangles(10, 10, (1, 1, 5, 5)).astype(np.uint8) * 255, tmp_path / "masks" / "bad1.png")
    save(np.zeros((64, 96), np.uint8), tmp_path / "masks" / "bad2.png")
    save(np.zeros((64, 96), np.uint8), tmp_path / "masks" / "orphan.png")
    shutil.copy(tmp_path / "bad" / "bad3.png", tmp_path / "good" / "bad3.png")
    records, report = scan_folder(tmp_path)
    assert len(records) == 7
    assert names(report.unreadable) == {"zero.png", "bad0.png"}
    assert names(report.wrong_size) == {"bad1.png"}
    assert names(report.empty_masks) == {"bad2.png"}
    assert names(report.masks_without_image) == {"orphan.png"}
    assert names(report.bad_without_mask) == {"bad0.png", "bad1.png", "bad2.png"}
    assert report.good_and_bad == ["bad3"]
    lines = "\n".join(report.lines())
    assert "the mask is 10x10, but its image bad1.png is 96x64 pixels" in lines
    assert "zero.png': the file is empty" in lines


def test_a_file_that_is_good_and_bad_is_reported(tmp_path):
    write_dataset(tmp_path, good=2, bad=2)
    shutil.copy(tmp_path / "good/good1.png", tmp_path / "bad/copy.png")
    records, report = scan_folder(tmp_path)
    assert names(report.contradictions) == {"copy.png"} and report.good_and_bad == []
    assert any("copy.png: is the same file as" in line for line in report.lines())
    by_name = {record.image.name: record for record in records}
    assert by_name["copy.png"].group == by_name["good1.png"].group == "copy"


def test_records_are_hashed_by_bytes_and_by_sight(tmp_path):
    write_dataset(tmp_path, good=2, bad=0)
    original = tmp_path / "good/good0.png"
    save(read_image(original), tmp_path / "good/bitmap.bmp")
    bitmap, *photographs = scan_folder(tmp_path)[0]
    assert [record.image.name for record in photographs] == ["good0.png", "good1.png"]
    assert photographs[0].sha256 == hashlib.sha256(original.read_bytes()).hexdigest()
    assert bitmap.sha256 != photographs[0].sha256 and bitmap.phash == photographs[0].phash
    assert len(bitmap.phash) == 64 and photographs[1].phash != bitmap.phash
    assert scan_folder(tmp_path)[0] == [bitmap, *photographs]


def test_gap_and_distance_decide_what_is_one_group(tmp_path):
    write_dataset(tmp_path, good=3, bad=0)
    times = ("05_08_2024_11_40_00.0", "05_08_2024_11_40_20.0", "05_08_2024_12_00_00.0")
    for index, time in enumerate(times):
        (tmp_path / f"good/good{index}.png").rename(tmp_path / f"good/{time}.png")
    shutil.copy(tmp_path / f"good/{times[2]}.png", tmp_path / f"good/{times[0]}.copy.png")
    for gap, distance, groups in ((30, 12, 1), (10, 12, 2), (30, -1, 2), (10, -1, 3)):
        records, _ = scan_folder(tmp_path, burst_gap=gap, duplicate_distance=distance)
        assert len({record.group for record in records}) == groups


def test_a_folder_without_masks_is_fine(tmp_path):
    shutil.rmtree(write_dataset(tmp_path) / "masks")
    records, report = scan_folder(tmp_path)
    assert len(records) == 7 and len(report.bad_without_mask) == 3


def test_folders_of_no_use_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.*no such folder"):
        scan_folder(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="neither good/ nor bad/ .found: no folders"):
        scan_folder(tmp_path)
    (tmp_path / "good").mkdir()
    with pytest.raises(ValueError, match="no readable image among the 0 files"):
        scan_folder(tmp_path)


def test_a_second_scan_decodes_only_what_changed(tmp_path, monkeypatch):
    write_dataset(tmp_path)
    first, _ = scan_folder(tmp_path)
    seen = []
    monkeypatch.setattr(
        "scratch_d2.data.probe.probe_image",
        lambda path: seen.append(path.name) or probe_image(path),
    )
    assert scan_folder(tmp_path)[0] == first and seen == []
    save(np.zeros((30, 40, 3), np.uint8), tmp_path / "good" / "good1.png")
    changed = {r.image.name: (r.width, r.height) for r in scan_folder(tmp_path)[0]}
    assert seen == ["good1.png"] and changed["good1.png"] == (40, 30)


def test_a_changed_mask_and_threshold_are_seen(tmp_path):
    write_dataset(tmp_path, good=0, bad=1)
    mask = tmp_path / "masks" / "bad0.png"
    assert len(scan_folder(tmp_path)[0][0].regions) == 1
    two = rectangles(64, 96, (0, 0, 5, 5), (20, 20, 30, 30))
    ground = np.arange(two.size).reshape(two.shape) % 9
    save(np.where(two, 100, ground).astype(np.uint8), mask)
    assert scan_folder(tmp_path)[1].empty_masks
    boxes = [region.box for region in scan_folder(tmp_path, mask_threshold=99)[0][0].regions]
    assert boxes == [[0, 0, 5, 5], [20, 20, 30, 30]]


def test_masks_of_one_size_and_time_that_change_places_are_read_anew(tmp_path):
    write_dataset(tmp_path, good=0, bad=0)
    for name, left in (("a", 10), ("b", 60)):
        save(np.full((64, 96, 3), left, np.uint8), tmp_path / f"bad/{name}.bmp")
        mask = rectangles(64, 96, (left, 8, left + 9, 30)).astype(np.uint8) * 255
        save(mask, tmp_path / f"masks/{name}.bmp")
    for path in tmp_path.rglob("*.bmp"):
        os.utime(path, (1.7e9, 1.7e9))  # unpacked from one archive
    boxes = [record.regions[0].box for record in scan_folder(tmp_path)[0]]
    masks = tmp_path / "masks"
    for old, new in (("a.bmp", "t"), ("b.bmp", "a.bmp"), ("t", "b.bmp")):
        os.rename(masks / old, masks / new)
    assert [record.regions[0].box for record in scan_folder(tmp_path)[0]] == boxes[::-1]


def test_without_a_home_the_named_cache_serves(tmp_path, monkeypatch):
    def no_home(path):
        return path

    monkeypatch.setattr("os.path.expanduser", no_home)
    write_dataset(tmp_path / "labels", good=1, bad=0)
    monkeypatch.setenv("SCRATCH_D2_CACHE", str(tmp_path / "cache"))
    scan_folder(tmp_path / "labels")
    assert len(list((tmp_path / "cache").iterdir())) == 1
    monkeypatch.delenv("SCRATCH_D2_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    scan_folder(tmp_path / "labels")
    assert len(list((tmp_path / "scratch_d2").iterdir())) == 1


def test_how_masks_were_understood_is_summarized(tmp_path):
    write_dataset(tmp_path, good=1, bad=3)
    save(rectangles(64, 96, (0, 0, 48, 16)).astype(np.uint8), tmp_path / "masks/bad2.png")
    summary = scan_folder(tmp_path)[1].summary
    assert "masks: scratches are read from 3 masks (2 by level 255 of 0 and 255, 1 by" in summary
    assert "they cover 3.91% to 12.50% of their images, 3.91% at the median" in summary


def test_masks_of_more_than_half_of_the_image_are_refused(tmp_path):
    write_dataset(tmp_path, good=1, bad=2)
    for name in ("bad0.png", "bad1.png"):
        mask = 255 - read_image(tmp_path / "masks" / name)
        save(mask, tmp_path / "masks" / name)
        if name == "bad0.png":
            records, report = scan_folder(tmp_path)
            (line,) = report.unreadable.values()
            assert "bad0.png': the mask marks 96% of its image (level 255 of 0 and 255)" in line
            assert names(report.bad_without_mask) == {"bad0.png"}
    with pytest.raises(ValueError, match="none of the 2 masks can be used; the first is .*bad0"):
        scan_folder(tmp_path)


@pytest.mark.parametrize("name", ["bad0_mask", "mask-bad0", "bad0.png", "BAD0", "bad0_GT"])
def test_what_a_mask_without_image_may_be_meant_for_is_said(tmp_path, name):
    write_dataset(tmp_path, good=1, bad=2)
    (tmp_path / "masks/bad0.png").rename(tmp_path / f"masks/{name}.png")
    _, report = scan_folder(tmp_path)
    (line,) = (line for line in report.lines() if "mask without a Bad image" in line)
    assert f"{name}.png: mask" in line and "did you mean bad0.png, for" in line


def test_masks_among_the_photographs_are_no_photographs(tmp_path):
    write_dataset(tmp_path, good=1, bad=2)
    for index in range(2):
        (tmp_path / f"masks/bad{index}.png").rename(tmp_path / f"bad/bad{index}_mask.png")
    save(np.zeros((64, 96, 3), np.uint8), tmp_path / "bad/alone_mask.png")
    records, report = scan_folder(tmp_path)
    assert sorted(r.image.name for r in records if r.verdict == "bad") == [
        "alone_mask.png",
        "bad0.png",
        "bad1.png",
    ]
    assert "bad0_mask.png: looks like the mask of bad0 and is left out" in report.lines()[0]


@pytest.mark.parametrize("name", ["bad0.bmp", "bad0_label.png", "marks/bad0.png", "GT/bad0.png"])
def test_masks_beside_photographs_are_no_photographs(tmp_path, name):
    write_dataset(tmp_path, good=1, bad=2)
    save(read_image(tmp_path / "masks/bad0.png"), tmp_path / "bad" / name)
    save(read_image(tmp_path / "masks/bad1.png"), tmp_path / "bad/alone.bmp")
    for _ in range(2):  # the second time from the cache
        records, report = scan_folder(tmp_path)
        found = {str(r.image.relative_to(tmp_path)) for r in records if r.verdict == "bad"}
        assert found == {"bad/bad0.png", "bad/bad1.png", "bad/alone.bmp"}
        said = "looks like the mask of the photograph" if name[0] != "G" else "its subfolder GT"
        assert said in report.lines()[0]


def test_photographs_may_be_called_labels(tmp_path):
    write_dataset(tmp_path, good=3, bad=0)
    (tmp_path / "good/good0.png").rename(tmp_path / "good/good1_label.png")
    (tmp_path / "good/labels").mkdir()
    (tmp_path / "good/good2.png").rename(tmp_path / "good/labels/good1.png")
    records, report = scan_folder(tmp_path)
    assert len(records) == 3 and report.lines() == []


@pytest.mark.parametrize("kind", ["bad", "masks"])
def test_links_to_nothing_are_named(tmp_path, kind):
    write_dataset(tmp_path, good=1, bad=2)
    path = tmp_path / kind / "bad0.png"
    path.unlink()
    path.symlink_to(tmp_path / "nowhere.png")
    for _ in range(2):
        assert str(path) in scan_folder(tmp_path)[1].unreadable[path]
    save(read_image(tmp_path / kind / "bad1.png"), tmp_path / "nowhere.png")
    assert path not in scan_folder(tmp_path)[1].unreadable


def test_many_bad_images_without_a_mask_share_a_sentence(tmp_path):
    labels = write_dataset(tmp_path, good=1, bad=12)
    shutil.rmtree(labels / "masks")
    _, report = scan_folder(labels)
    (sentence,) = report.lines()
    assert sentence.startswith("12 Bad images have no mask, such as ")
    assert sentence.count(".png") == 3
