"""Labels that go out and come back: exact as RLE, within half a pixel as polygons."""

import json

import numpy as np
import pytest

from scratch_d2.data.boxes_file import write_boxes
from scratch_d2.data.catalog import find_dataset_dicts
from scratch_d2.data.mask_files import read_mask
from scratch_d2.formats.exporting import export_labels
from scratch_d2.formats.importing import import_labels
from scratch_d2.formats.sources import read_dataset, read_predictions
from scratch_d2.structures.masks import encode_rle
from scratch_d2.utils.opencv import cv2
from tests.builders import draw_label, rectangles, save
from tests.commands import run_command
from tests.formats.outlines import distance_from

WITH_RLE = ("coco", "labelme", "cvat", "label-studio")
FORMATS = (*WITH_RLE, "yolo")


def draw_masks() -> dict[str, np.ndarray]:
    """Streaks, a ring with a hole, a line of one pixel, and a scratch along two edges."""
    streaks, ring, line = (np.zeros((64, 96), np.uint8) for _ in range(3))
    for offset in (0, 9, 20):
        cv2.line(streaks, (10 + offset, 8), (50 + offset, 55), 1, 4)
    cv2.circle(ring, (45, 30), 15, 1, 5)
    cv2.line(line, (5, 50), (90, 20), 1, 1)
    edges = rectangles(64, 96, (0, 0, 96, 5), (0, 0, 5, 64))
    return {"streaks": streaks > 0, "ring": ring > 0, "line": line > 0, "edges": edges}


@pytest.fixture
def labels(tmp_path):
    root, rng = tmp_path / "labels", np.random.default_rng(0)
    save(draw_label(rng), root / "good/2024/clean.png")
    for name, mask in draw_masks().items():
        save(draw_label(rng), root / f"bad/2024/{name}.png")
        save(mask.astype(np.uint8) * 255, root / f"masks/2024/{name}.png")
    return root


def there_and_back(labels, tmp_path, name, masks):
    dicts = find_dataset_dicts(str(labels))
    exported = export_labels(read_dataset(dicts), tmp_path / "exported", name, masks)
    unlabelled = "good" if name == "yolo" else "error"
    report = import_labels(tmp_path / "exported", tmp_path / "back", unlabelled=unlabelled)
    assert report.is_complete and report.images == exported.images
    return tmp_path / "back"


@pytest.mark.parametrize("name", WITH_RLE)
def test_masks_come_back_exactly_as_rle(labels, tmp_path, name):
    back = there_and_back(labels, tmp_path, name, "rle")
    assert [path.name for path in back.glob("good/2024/*")] == ["clean.png"]
    for name, mask in draw_masks().items():
        np.testing.assert_array_equal(read_mask(back / f"masks/2024/{name}.png"), mask)
        assert (back / f"bad/2024/{name}.png").samefile(labels / f"bad/2024/{name}.png")


@pytest.mark.parametrize("name", FORMATS)
def test_masks_come_back_within_half_a_pixel_as_polygons(labels, tmp_path, name):
    back = there_and_back(labels, tmp_path, name, "polygon")
    for stem, mask in draw_masks().items():
        again = read_mask(back / f"masks/2024/{stem}.png")
        moved = np.argwhere(again != mask)[:, ::-1] + 0.5
        # An outline that moved by half a pixel reaches centres of pixels beside the border only.
        assert distance_from(mask, moved).max(initial=0) <= np.sqrt(0.5)
        assert (again & mask).sum() >= 0.9 * (again | mask).sum()


@pytest.mark.parametrize("name", WITH_RLE)
@pytest.mark.parametrize("masks", ["polygon", "rle"])
def test_boxes_and_verdicts_come_back(labels, tmp_path, name, masks):
    for stem in ("streaks", "ring"):
        (labels / f"masks/2024/{stem}.png").unlink()
    write_boxes({"bad/2024/ring.png": [(3.25, 4, 50, 60.5)]}, labels)
    back = there_and_back(labels, tmp_path, name, masks)
    crowds = {
        d["file_name"].split("/")[-1]: [a["bbox"] for a in d["annotations"] if a["iscrowd"]]
        for d in find_dataset_dicts(str(back))
    }
    assert crowds["ring.png"] == [pytest.approx([3.25, 4, 50, 60.5], abs=0.01)]
    assert crowds["streaks.png"] == [[0, 0, 96, 64]]
    assert crowds["line.png"] == crowds["clean.png"] == []


def test_yolo_leaves_out_what_it_cannot_say(labels, tmp_path):
    (labels / "masks/2024/ring.png").unlink()
    out = tmp_path / "out"
    done = run_command("export-labels", labels, "--format", "yolo", "--out", out)
    assert done.returncode == 3
    assert "ring.png: a scratch has no outline, which cannot be told" in done.stdout
    assert "4 photographs with " in done.stdout and "1 left out" in done.stdout
    assert (out / "labels/2024/clean.txt").read_text() == ""
    assert not list(out.rglob("ring*"))


def write_results(folder, labels):
    """Results of scratch-d2 predict: Bad, Good with a small detection, review, an error."""
    mask = draw_masks()["streaks"]
    files = [labels / f"bad/2024/{stem}.png" for stem in ("streaks", "ring", "line", "edges")]
    found = [{"score": s, "segmentation": encode_rle(mask), "bbox": []} for s in (0.9, 0.3)]
    rows = [
        {"file": str(file), "status": "ok", "verdict": verdict, "width": 96, "height": 64}
        | {"instances": found}
        for file, verdict in zip(files, ("bad", "good", "review"))
    ]
    rows.append({"file": str(files[3]), "status": "error", "error": "damaged image"})
    rows.append({**rows[0], "file": str(labels / "gone.png")})
    folder.mkdir()
    (folder / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "settings.json").write_text(json.dumps({"score": 0.6}))
    return folder


def test_results_become_predictions_of_label_studio(labels, tmp_path):
    results = write_results(tmp_path / "results", labels)
    out = tmp_path / "out"
    done = run_command("export-labels", results, "--format", "label-studio", "--out", out)
    assert done.returncode == 3
    assert "line 4: damaged image" in done.stdout and "gone.png': no such image" in done.stdout
    tasks = json.loads((out / "tasks.json").read_text())
    (prediction,) = tasks[0]["predictions"]
    assert prediction["score"] == 0.9 and "annotations" not in tasks[0]
    said = [[r["type"] for r in task["predictions"][0]["result"]] for task in tasks]
    assert said == [["choices", *["polygonlabels"] * 3], ["choices"], ["polygonlabels"] * 3]
    assert tasks[1]["predictions"][0]["result"][0]["value"] == {"choices": ["good"]}


def test_an_image_for_review_without_scratches_is_no_background_of_yolo(labels, tmp_path):
    results = write_results(tmp_path / "results", labels)
    export_labels(read_predictions(results, 0.95), tmp_path / "out", "yolo", by_model=True)
    assert [path.stem for path in (tmp_path / "out/labels").rglob("*.txt")] == ["ring"]


@pytest.mark.parametrize(("score", "count"), [(None, 1), (0.2, 2), (0.95, 0)])
def test_detections_count_by_their_score(labels, tmp_path, score, count):
    results = write_results(tmp_path / "results", labels)
    first = next(read_predictions(results, score))
    assert len(first.shapes) == count


def test_predictions_of_label_studio_are_no_labels(labels, tmp_path):
    results = write_results(tmp_path / "results", labels)
    export_labels(read_predictions(results), tmp_path / "out", "label-studio", by_model=True)
    report = import_labels(tmp_path / "out", tmp_path / "back", unlabelled="skip")
    assert (report.images, report.skipped) == (0, 3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--format", "yolo", "--masks", "rle"), "the format yolo has no RLE"),
        (("--format", "coco", "--score", "0.5"), "--score is for results of scratch-d2 predict"),
        (("--format", "coco", "--out", "."), "is not empty; accepted is a new or empty folder"),
    ],
)
def test_what_cannot_be_written_is_refused(labels, tmp_path, arguments, said):
    done = run_command("export-labels", labels, "--out", "out", *map(str, arguments), cwd=tmp_path)
    assert done.returncode == 2 and said in done.stderr


def test_two_photographs_of_one_name_stay_apart(labels, tmp_path):
    save(draw_label(np.random.default_rng(5)), labels / "good/2024/other/x.png")
    results = write_results(tmp_path / "results", labels)
    rows = (results / "results.jsonl").read_text().splitlines()[:1]
    twin = json.loads(rows[0]) | {"file": str(labels / "bad/2024/streaks.png")}
    (results / "results.jsonl").write_text(f"{rows[0]}\n{json.dumps(twin)}\n")
    export_labels(read_predictions(results), tmp_path / "out", "labelme", by_model=True)
    names = sorted(path.name for path in (tmp_path / "out").rglob("*.*"))
    assert names == ["streaks-2.json", "streaks-2.png", "streaks.json", "streaks.png"]
