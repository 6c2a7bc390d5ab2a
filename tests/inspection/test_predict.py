import csv
import json
import logging
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from PIL import Image

from scratch_d2.data.images import read_image
from scratch_d2.inspection.inputs import InputFile, find_files
from scratch_d2.inspection.inspector import Inspector
from scratch_d2.inspection.pictures import Pictures
from scratch_d2.inspection.predict import Options, predict_files
from scratch_d2.inspection.rows import RowFile
from scratch_d2.structures.masks import decode_rle
from tests.builders import save
from tests.inspection.fakes import (
    EVERYTHING,
    THRESHOLDS,
    bright_detector,
    bright_inspector,
    photograph,
    write_files,
)


def run(folder, output, inspector=None, options=EVERYTHING):
    sources = find_files([str(folder)])
    summary, _ = predict_files(inspector or bright_inspector(), sources, output, options)
    return summary, list(RowFile(output / "results.jsonl"))


def test_every_file_has_its_row_and_its_pictures(tmp_path):
    summary, rows = run(write_files(tmp_path / "in"), tmp_path / "out")
    files = sorted(str(path) for path in (tmp_path / "in").iterdir())
    assert [row["file"] for row in rows] == files
    assert [row["image_id"] for row in rows] == list(range(6))
    assert summary["verdicts"] == {"good": 3, "bad": 2, "review": 0}
    assert [entry["file"][-10:] for entry in summary["unreadable"]] == ["broken.png"]
    bad = next(row for row in rows if row.get("verdict") == "bad")
    assert (bad["area"], bad["scratches"], len(bad["instances"])) == (600.0, 1, 2)
    mask = np.asarray(Image.open(tmp_path / "out" / bad["mask"])) > 0
    np.testing.assert_array_equal(mask, decode_rle(bad["instances"][0]["segmentation"]))
    assert read_image(tmp_path / "out" / bad["overlay"]).shape[1] >= 600
    with open(tmp_path / "out" / "results.csv", newline="", encoding="utf-8") as table:
        assert [row["file"] for row in csv.DictReader(table)] == files
    coco = json.loads((tmp_path / "out" / "coco_instances_results.json").read_text())
    assert len(coco) == 4 and coco[0]["bbox"] == [2.0, 2.0, 31.0, 21.0]


def test_rows_say_when_by_what_and_how_large(tmp_path):
    before = datetime.now(timezone.utc) - timedelta(seconds=1)
    inspector = Inspector(None, bright_detector, THRESHOLDS, metadata={"model_id": "5eed"})
    _, rows = run(write_files(tmp_path / "in"), tmp_path / "out", inspector, Options())
    for row in rows:
        assert before < datetime.fromisoformat(row["timestamp"]) < datetime.now(timezone.utc)
        assert row["model_id"] == "5eed"
    bad = next(row for row in rows if row.get("verdict") == "bad")
    assert [instance["counted"] for instance in bad["instances"]] == [True, False]
    with open(tmp_path / "out" / "results.csv", newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [line["overlay"] for line in table] == [row.get("overlay", "") for row in rows]
    assert [bool(line["overlay"]) for line in table] == [
        row.get("verdict") == "bad" for row in rows
    ]
    line = table[bad["image_id"]]
    assert (line["width"], line["height"], line["area_unit"]) == ("50", "40", THRESHOLDS.area_unit)
    assert (line["timestamp"], line["model_id"]) == (bad["timestamp"], "5eed")


def test_the_settings_say_all_that_the_bytes_depend_on(tmp_path):
    run(write_files(tmp_path / "in"), tmp_path / "out")
    settings = json.loads((tmp_path / "out" / "settings.json").read_text())
    assert settings["weights"] == "a.pth" and settings["area"] == 500.0
    assert (settings["batch_size"], settings["pictures"]) == (2, "overlays,masks,all")
    assert "workers" not in settings


def test_pictures_of_good_images_are_saved_only_where_asked_for(tmp_path):
    folder = write_files(tmp_path / "in")
    _, rows = run(folder, tmp_path / "out", options=Options(pictures=Pictures(("masks",))))
    assert [name.startswith("masks/") for row in rows for name in [row.get("mask", "")]] == [
        row.get("verdict") == "bad" for row in rows
    ]
    assert not any("overlay" in row for row in rows)
    assert len(list((tmp_path / "out" / "masks").iterdir())) == 2
    assert not list((tmp_path / "out" / "overlays").iterdir())


def same_bytes(one, other):
    files = [path.relative_to(one) for path in one.rglob("*") if path.is_file()]
    assert len(files) > 5
    return all((one / file).read_bytes() == (other / file).read_bytes() for file in files)


@pytest.mark.parametrize("kept_bytes", [0, 1, 300, 700, 1200, 1900, 10_000])
def test_a_killed_run_is_completed_to_the_bytes_of_a_whole_one(tmp_path, monkeypatch, kept_bytes):
    monkeypatch.setattr("scratch_d2.inspection.rows.now", lambda: "2027-01-01T00:00:00.000+00:00")
    folder = write_files(tmp_path / "in")
    run(folder, tmp_path / "whole")
    run(folder, tmp_path / "cut")
    results = tmp_path / "cut" / "results.jsonl"
    results.write_bytes(results.read_bytes()[:kept_bytes])
    run(folder, tmp_path / "cut", options=Options(2, 1, EVERYTHING.pictures, resume=True))
    assert same_bytes(tmp_path / "whole", tmp_path / "cut")


@pytest.mark.parametrize("kept_rows", range(7))
def test_a_resumed_run_makes_the_batches_of_a_whole_one(tmp_path, monkeypatch, kept_rows):
    """Numbers of a network depend on its batch; here the second of each batch is called Bad."""

    def by_place(images):
        return bright_detector([photograph(bool(place % 2)) for place in range(len(images))])

    inspector = Inspector(None, by_place, THRESHOLDS, detector_batch=4)
    folder = write_files(tmp_path / "in", 6)
    (folder / "broken.png").unlink()
    options = Options(batch_size=4, resume=True)
    monkeypatch.setattr("scratch_d2.inspection.rows.now", str)
    _, whole = run(folder, tmp_path / "whole", inspector, options)
    run(folder, tmp_path / "cut", inspector, options)
    RowFile(tmp_path / "cut" / "results.jsonl").keep(kept_rows)
    assert run(folder, tmp_path / "cut", inspector, options)[1] == whole


def test_files_that_came_meanwhile_are_added(tmp_path):
    folder = write_files(tmp_path / "in")
    _, before = run(folder, tmp_path / "out")
    (folder / "0 new.png").write_bytes((folder / "image 1\nü.png").read_bytes())
    _, rows = run(
        folder, tmp_path / "out", options=Options(2, resume=True, pictures=EVERYTHING.pictures)
    )
    assert rows[:6] == before and len(rows) == 7
    assert rows[6]["file"].endswith("0 new.png") and rows[6]["image_id"] == 6


def test_rows_of_an_earlier_version_are_kept_and_told(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(logging.getLogger("scratch_d2"), "propagate", True)
    folder, output = write_files(tmp_path / "in"), tmp_path / "out"
    inspector = Inspector(None, bright_detector, THRESHOLDS, metadata={"weights": "a.pth"})
    _, rows = run(folder, output, inspector)
    former = [{k: v for k, v in row.items() if k not in ("timestamp", "model_id")} for row in rows]
    former[1]["instances"] = [
        {k: v for k, v in entry.items() if k != "counted"} for entry in former[1]["instances"]
    ]
    (output / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in former[:4]))
    inspector.metadata["model_id"] = "5eed"
    options = Options(2, resume=True, pictures=EVERYTHING.pictures)
    _, resumed = run(folder, output, inspector, options)
    assert "rows of an earlier version: they have no timestamp" in caplog.text
    assert resumed[:4] == former[:4] and resumed[4]["model_id"] == "5eed"
    with open(output / "results.csv", newline="", encoding="utf-8") as file:
        ids = [line["model_id"] for line in csv.DictReader(file)]
    assert ids == [""] * 4 + ["5eed"] * 2
    inspector.metadata["model_id"] = "0ther"
    with pytest.raises(ValueError, match="with model_id = '5eed', now it is '0ther'"):
        run(folder, output, inspector, options)


def test_an_image_that_the_models_cannot_take_does_not_stop_the_others(tmp_path):
    def picky(images):
        if any(image[0, 0, 0] > 128 for image in images):
            raise RuntimeError("too\nbright")
        return bright_detector(images)

    folder = write_files(tmp_path / "in")
    summary, rows = run(folder, tmp_path / "out", Inspector(None, picky, THRESHOLDS))
    assert summary["verdicts"]["good"] == 3 and len(summary["unreadable"]) == 3
    assert "models cannot inspect it (RuntimeError: too bright)" in rows[2]["error"]


def test_models_that_fail_on_everything_stop_the_run_and_keep_its_rows(tmp_path):
    calls = []

    def dying(images):
        calls.append(len(images))
        if len(calls) > 1:
            raise RuntimeError("the device is gone")
        return bright_detector(images)

    folder, options = write_files(tmp_path / "in"), Options(batch_size=2)
    with pytest.raises(RuntimeError, match="the device is gone"):
        run(folder, tmp_path / "out", Inspector(None, dying, THRESHOLDS), options)
    assert len(list(RowFile(tmp_path / "out" / "results.jsonl"))) == 2


def test_a_run_says_how_far_it_is(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("scratch_d2.utils.progress.MINUTE", 0.0)
    sources = find_files([str(write_files(tmp_path / "in"))])
    predict_files(bright_inspector(), sources, tmp_path / "out", EVERYTHING, total=6)
    out, err = capsys.readouterr()
    assert out == "" and "inspecting: 6 of 6 images (100%), 0:00:00 left" in err


def test_an_interrupted_run_says_what_is_safe(tmp_path):
    def sources():
        for number, source in enumerate(find_files([str(tmp_path / "in")])):
            if number == 20:
                raise KeyboardInterrupt
            yield source

    write_files(tmp_path / "in", 30)
    with pytest.raises(KeyboardInterrupt, match="the [1-9][0-9]? rows in .* are complete"):
        predict_files(bright_inspector(), sources(), tmp_path / "out", EVERYTHING)
    options = Options(2, 2, EVERYTHING.pictures, resume=True)
    assert run(tmp_path / "in", tmp_path / "out", options=options)[0]["images"] == 31


def test_a_file_that_is_gone_gets_its_row(tmp_path):
    write_files(tmp_path / "in", 2)
    sources = [InputFile(tmp_path / "in" / "gone.png"), *find_files([str(tmp_path / "in")])]
    summary, _ = predict_files(bright_inspector(), sources, tmp_path / "out", EVERYTHING)
    assert summary["verdicts"] == {"good": 1, "bad": 1, "review": 0}
    assert "no such image file" in summary["unreadable"][0]["error"]


@pytest.mark.parametrize("name", ["batch_size", "workers"])
def test_options_out_of_range_are_named(name):
    with pytest.raises(ValueError, match=f"{name} is 0; accepted is 1 or more"):
        Options(**{name: 0})


def test_the_row_of_a_high_depth_image_says_which_level_was_white(tmp_path):
    deep = photograph(True)[..., 0].astype(np.uint16) * 16
    save(deep, tmp_path / "in/deep.png"), save(photograph(True), tmp_path / "in/plain.png")
    sources = list(find_files([str(tmp_path / "in")]))
    summary, _ = predict_files(bright_inspector(), sources, tmp_path / "out", EVERYTHING)
    assert summary["verdicts"]["bad"] == 2
    deep, plain = RowFile(tmp_path / "out/results.jsonl")
    assert deep["note"] == "levels 0 to 4095 of uint16 pixels are read as black to white"
    assert "note" not in plain
