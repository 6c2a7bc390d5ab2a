import csv
import json
import re

import numpy as np
import pytest
from PIL import Image

from scratch_d2.data.images import read_image
from scratch_d2.data.masks import decode_rle
from scratch_d2.engines import Prediction
from scratch_d2.inspection.inputs import find_images
from scratch_d2.inspection.overlay import COLOURS, draw_overlay
from scratch_d2.inspection.pipeline import inspect
from scratch_d2.inspection.predict import picture_name, predict_files, prepare_results
from scratch_d2.inspection.rows import write_derived
from scratch_d2.inspection.verdict import Thresholds, judge
from tests.builders import predict_boxes, save

THRESHOLDS = Thresholds()


def bright_detector(images: list[np.ndarray]) -> list[Prediction]:
    """Find one scratch of 600 px on images that begin with a bright pixel."""
    return [
        predict_boxes(*image.shape[:2], {(2, 2, 33, 23): 0.9, (0, 0, 5, 5): 0.1})
        if image[0, 0, 0] > 128
        else Prediction.empty(*image.shape[:2])
        for image in images
    ]


def write_files(folder, count=5):
    """Photographs of which every second is Bad, and one that nobody can read."""
    for index in range(count):
        grey = np.full((40, 50, 3), 250 if index % 2 else 20, np.uint8)
        save(grey, folder / f"image {index}\nü.png")
    (folder / "broken.png").write_bytes(b"")
    return find_images([str(folder)])


def run(files, folder, **options):
    rows = prepare_results(folder, {"weights": "a.pth"}, **options)
    predict_files(files, folder, rows, bright_detector, None, THRESHOLDS, batch_size=2)
    return write_derived(rows, folder, {"weights": "a.pth"}), list(rows)


def test_every_file_has_its_row_and_its_pictures(tmp_path):
    files = write_files(tmp_path / "in")
    summary, rows = run(files, tmp_path / "out")
    assert [row["file"] for row in rows] == [str(file) for file in files]
    assert [row["image_id"] for row in rows] == list(range(6))
    assert summary["verdicts"] == {"good": 3, "bad": 2, "review": 0}
    assert [entry["file"][-10:] for entry in summary["unreadable"]] == ["broken.png"]
    bad = next(row for row in rows if row.get("verdict") == "bad")
    assert (bad["area"], bad["scratches"], len(bad["instances"])) == (600.0, 1, 2)
    mask = np.asarray(Image.open(tmp_path / "out" / bad["mask"])) > 0
    np.testing.assert_array_equal(mask, decode_rle(bad["instances"][0]["segmentation"]))
    assert read_image(tmp_path / "out" / bad["overlay"]).shape[1] >= 600
    with open(tmp_path / "out" / "results.csv", newline="", encoding="utf-8") as table:
        assert [row["file"] for row in csv.DictReader(table)] == [str(file) for file in files]
    coco = json.loads((tmp_path / "out" / "coco_instances_results.json").read_text())
    assert len(coco) == 4 and coco[0]["bbox"] == [2.0, 2.0, 31.0, 21.0]


@pytest.mark.parametrize("kept_bytes", [0, 1, 300, 700, 10_000])
def test_a_killed_run_is_completed_wherever_it_was_cut(tmp_path, kept_bytes):
    files = write_files(tmp_path / "in")
    whole, rows = run(files, tmp_path / "whole")
    run(files, tmp_path / "cut")
    results = tmp_path / "cut" / "results.jsonl"
    results.write_bytes(results.read_bytes()[:kept_bytes])
    completed, completed_rows = run(files, tmp_path / "cut", resume=True)
    assert completed == whole
    assert completed_rows == rows


def test_former_results_are_never_overwritten_unasked(tmp_path):
    files = write_files(tmp_path / "in")
    run(files, tmp_path / "out")
    with pytest.raises(FileExistsError, match="already holds results; pass --resume"):
        run(files, tmp_path / "out")
    with pytest.raises(ValueError, match="with weights = 'a.pth', now it is 'b.pth'"):
        prepare_results(tmp_path / "out", {"weights": "b.pth"}, resume=True)
    summary, _ = run(files[:2], tmp_path / "out", overwrite=True)
    assert summary["images"] == 2 and len(list((tmp_path / "out" / "masks").iterdir())) == 1


def test_an_output_folder_that_cannot_be_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="output folder .*file/out' cannot be written"):
        prepare_results(tmp_path / "file" / "out", {})


def test_the_gate_spares_the_detector_what_it_passes():
    seen = []

    def detector(images):
        seen.append([int(image[0, 0, 0]) for image in images])
        return bright_detector(images)

    images = [np.full((40, 50, 3), grey, np.uint8) for grey in (200, 201, 10, 202)]
    scores = np.array([0.9, 0.01, 0.5, 0.05], np.float32)
    results = inspect(images, detector, lambda batch: scores, THRESHOLDS)
    assert seen == [[200, 10, 202]]
    assert [result.verdict.label for result in results] == ["bad", "good", "good", "bad"]
    assert results[1].verdict.p_bad == pytest.approx(0.01)
    inspect(images, detector, lambda batch: scores * 0, THRESHOLDS)
    assert len(seen) == 1


def test_inputs_may_be_folders_files_and_patterns(tmp_path):
    for name in ("b/2.JPG", "b/1.png", "a.png", "b/deep/3.png"):
        save(np.zeros((4, 4, 3), np.uint8), tmp_path / name)
    (tmp_path / "b" / "notes.txt").touch()
    pattern, folder = str(tmp_path / "**" / "*.png"), str(tmp_path / "b")
    assert [path.name for path in find_images([folder])] == ["1.png", "2.JPG"]
    found = [path.name for path in find_images([folder, pattern, folder])]
    assert found == ["1.png", "2.JPG", "a.png", "3.png"]
    with pytest.raises(FileNotFoundError, match="'.*nothing': no such file"):
        find_images([str(tmp_path / "nothing")])
    (tmp_path / "c" / "good").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="holds no image; its subfolders are good"):
        find_images([str(tmp_path / "c")])


def test_pictures_have_safe_and_unique_names(tmp_path):
    name = picture_name(7, tmp_path / ("a b\n/ü" + "x" * 200 + ".png"))
    assert re.fullmatch(r"000007_[A-Za-z0-9._-]+\.png", name) and len(name) < 120


def test_overlays_show_verdict_mask_and_box():
    image = np.full((40, 50, 3), 90, np.uint8)
    prediction = bright_detector([image + 100])[0]
    overlay = draw_overlay(image, prediction, judge(prediction, 0.7, THRESHOLDS), THRESHOLDS)
    scale = 13  # 640 / 50, rounded
    assert overlay.shape[1] == 50 * scale and overlay.shape[0] > 40 * scale
    assert tuple(overlay[0, 0]) == COLOURS["bad"]
    below = overlay[-40 * scale :]
    tinted = below[20 * scale, 15 * scale].astype(int)
    assert tinted[0] > tinted[1] + 20  # inside the mask
    np.testing.assert_array_equal(below[38 * scale, 45 * scale], (90, 90, 90))
    np.testing.assert_array_equal(below[scale, scale], (90, 90, 90))  # score 0.1 does not count
