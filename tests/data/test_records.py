import shutil
from pathlib import Path

import numpy as np
import pytest

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
    save(np.where(two, 100, 0).astype(np.uint8), mask)
    assert scan_folder(tmp_path)[1].empty_masks
    boxes = [region.box for region in scan_folder(tmp_path, mask_threshold=99)[0][0].regions]
    assert boxes == [[0, 0, 5, 5], [20, 20, 30, 30]]
