"""Bad input among good: every photograph has its verdict, every other file its reason."""

import csv
import json
import os
import re
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from scratch_d2.engines import get_engine
from scratch_d2.engines.embedded import MaskRCNN
from scratch_d2.inspection.inputs import InputFile, find_files
from scratch_d2.inspection.inspector import Inspector
from scratch_d2.inspection.predict import predict_files
from scratch_d2.inspection.rows import RowFile
from scratch_d2.structures.prediction import Prediction
from tests.builders import save
from tests.data.files import bad_files, valid_files
from tests.engines.parity import fill, image
from tests.gate.gates import make_gate
from tests.inspection.fakes import EVERYTHING, THRESHOLDS, bright_inspector, photograph

pytestmark = pytest.mark.filterwarnings(
    "ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning"
)
SHAPES = [(1, 1), (1, 5000), (5000, 1), (2, 3)]
NO_FILE = "not a file but a folder, a pipe or a device"
NO_FILES = {
    "pipe": (os.mkfifo, NO_FILE),
    "folder": (os.mkdir, NO_FILE),
    "link to nothing": (lambda path: path.symlink_to("nothing"), "no such image file"),
    "link to itself": (lambda path: path.symlink_to(path), "cannot be read"),
    "gone": (lambda path: None, "no such image file"),
}


def run(sources, output, inspector=None):
    summary, _ = predict_files(inspector or bright_inspector(), sources, output, EVERYTHING)
    return summary, list(RowFile(output / "results.jsonl"))


def write_all_kinds(folder):
    """Files by name, and the reason that each is to get, None for a photograph."""
    reasons = {}
    for index, (kind, (content, reason)) in enumerate(bad_files().items()):
        name = f"{index:02}_{kind}.png"
        (folder / name).write_bytes(content)
        reasons[name] = reason
    for kind, (make, reason) in NO_FILES.items():
        make(folder / f"{kind}.png")
        reasons[f"{kind}.png"] = reason
    for kind, content in valid_files().items():
        (folder / f"{kind}.png").write_bytes(content)
        reasons[f"{kind}.png"] = None
    for height, width in SHAPES:
        name = f"{height} x {width}.png"
        save(np.full((height, width, 3), 250, np.uint8), folder / name)
        reasons[name] = None
    for index in range(10):
        save(photograph(index % 2 == 1), folder / f"{index} good.png")
        reasons[f"{index} good.png"] = None
    return {name: reasons[name] for name in sorted(reasons)}


def test_every_file_of_a_hostile_folder_has_its_verdict_or_its_reason(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    reasons = write_all_kinds(folder)
    summary, rows = run([InputFile(folder / name) for name in reasons], tmp_path / "out")
    assert [row["file"] for row in rows] == [str(folder / name) for name in reasons]
    assert [row["image_id"] for row in rows] == list(range(len(reasons)))
    for row, (name, reason) in zip(rows, reasons.items()):
        assert row["status"] == ("error" if reason else "ok"), row
        if reason:
            assert re.search(f"{re.escape(name)}': .*{reason}", row["error"])
        else:
            assert (tmp_path / "out" / row["overlay"]).is_file()
    verdicts = {Path(row["file"]).name: row.get("verdict") for row in rows}
    assert [verdicts[f"{index} good.png"] for index in range(10)] == ["good", "bad"] * 5
    assert len(summary["unreadable"]) == sum(reason is not None for reason in reasons.values())


def test_a_folder_brings_what_no_file_is_as_well(tmp_path):
    save(photograph(True), tmp_path / "in" / "a.png")
    for kind in ("pipe", "link to nothing", "link to itself"):
        NO_FILES[kind][0](tmp_path / "in" / f"{kind}.png")
    NO_FILES["folder"][0](tmp_path / "in" / "folder.png")
    _, rows = run(find_files([str(tmp_path / "in")]), tmp_path / "out")
    assert [row["status"] for row in rows] == ["ok", "error", "error", "error"]


def test_files_that_come_change_and_go_meanwhile_have_one_row_each(tmp_path):
    paths, done = [tmp_path / "in" / f"{index:02}.bmp" for index in range(40)], threading.Event()
    for path in paths:
        save(photograph(True), path)

    def trouble():
        for turn in range(10_000):
            path = paths[turn % 40]
            if done.is_set() or turn % 2:
                continue
            path.unlink() if path.exists() else path.write_bytes(b"BM" + bytes(turn % 90))

    thread = threading.Thread(target=trouble)
    thread.start()
    try:
        _, rows = run(map(InputFile, paths), tmp_path / "out")
    finally:
        done.set()
        thread.join()
    assert [row["file"] for row in rows] == [str(path) for path in paths]
    assert {row["status"] for row in rows[1::2]} == {"ok"}


def snapshot(root, without):
    """What lies below a folder, but for one in it: names, kinds and contents."""
    return {
        path: path.read_bytes() if path.is_file() else None
        for path in root.rglob("*")
        if without not in (path, *path.parents)
    }


letters = st.binary(min_size=1, max_size=251).filter(
    lambda name: not {0, ord("/")} & set(name) and not name.startswith(b".")
)
NAMES = [
    *("..\n", "-rf", "--output=x", "%s%n", "\x1b[31mred\x1b[0m", "'; rm -rf ~ #", 'a"b,c', " "),
    *("*", "[a]", "~", "$HOME", "..\\..\\up", "\r", "\u2028", "\x85", "\u202e", "x" * 251),
    *("\udcff\udcfe", "a b", "a_b", "a?b", "ü", "u\u0308", "=1+1", "CON", "😀\udc80", "-"),
]


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """New empty folders, one after the other."""
    return (tmp_path_factory.mktemp("names") for _ in iter(int, 1))


@given(st.lists(letters, min_size=1, max_size=4, unique=True))
@example([os.fsencode(name) for name in NAMES])
def test_whatever_the_names_are(places, names):
    place = next(places)
    folder, output = place / "in", place / "out"
    for index, name in enumerate(names):
        save(photograph(index % 2 == 0), folder / "model.png").rename(
            folder / os.fsdecode(name + b".png")
        )
    before = snapshot(place, output)
    summary, rows = run(find_files([str(folder)]), output)
    assert snapshot(place, output) == before
    files = {Path(row["file"]) for row in rows}
    shown = {path for path in folder.iterdir() if not path.name.startswith(".")}
    assert files == shown and len(rows) == len(shown)
    assert {row["status"] for row in rows} == {"ok"}
    pictures = [row[kind] for row in rows for kind in ("overlay", "mask")]
    assert len(set(pictures)) == 2 * len(shown)
    written = {str(path.relative_to(output)) for path in output.glob("*/*")}
    assert written == set(pictures)
    check_outputs(output, summary, rows)


def check_outputs(output, summary, rows):
    """Everything that was written can be read again, and tells of the same images."""
    assert json.loads((output / "summary.json").read_text("utf-8")) == summary
    coco = json.loads((output / "coco_instances_results.json").read_text("utf-8"))
    assert len(coco) == sum(len(row["instances"]) for row in rows)
    with open(output / "results.csv", newline="", encoding="utf-8") as table:
        lines = list(csv.DictReader(table))
    assert [int(line["image_id"]) for line in lines] == [row["image_id"] for row in rows]
    for line, row in zip(lines, rows):
        assert line["file"] == row["file"].encode("utf-8", "replace").decode("utf-8")


@pytest.mark.parametrize(
    "name", ["nul\0.png", "\ud800.png", "y" * 300 + ".png", "no/such/folder.png"]
)
def test_names_that_no_file_can_have(tmp_path, name):
    save(photograph(True), tmp_path / "fine.png")
    sources = [InputFile(tmp_path / name), InputFile(tmp_path / "fine.png")]
    summary, rows = run(sources, tmp_path / "out")
    assert [row["status"] for row in rows] == ["error", "ok"]
    assert rows[0]["file"] == str(tmp_path / name)
    check_outputs(tmp_path / "out", summary, [{"instances": [], **row} for row in rows])


@pytest.fixture
def weights(tmp_path, tiny_cfg):
    network = MaskRCNN(tiny_cfg)
    fill(network)
    torch.save({"model": network.state_dict()}, tmp_path / "model.pth")
    return tmp_path / "model.pth"


@pytest.mark.parametrize("precision", ["exact", "float32", "bfloat16"])
@pytest.mark.parametrize("name", ["embedded", pytest.param("d2", marks=pytest.mark.detectron2)])
def test_engines_take_images_of_any_shape(tiny_cfg, weights, name, precision):
    detector = get_engine(name).load(tiny_cfg, weights, precision)
    found = detector([image(*shape) for shape in SHAPES])
    assert [(prediction.height, prediction.width) for prediction in found] == SHAPES
    assert all(len(prediction) > 0 for prediction in found)


def test_gate_takes_images_of_any_shape():
    scores = make_gate()([image(*shape) for shape in SHAPES])
    assert scores.shape == (4,) and ((scores > 0) & (scores < 1)).all()


def test_any_shape_goes_through_gate_and_pictures(tmp_path):
    def everything(images):
        return [Prediction.empty(*array.shape[:2]) for array in images]

    for height, width in SHAPES:
        save(image(height, width), tmp_path / "in" / f"{height} x {width}.png")
    inspector = Inspector(make_gate(), everything, THRESHOLDS)
    _, rows = run(find_files([str(tmp_path / "in")]), tmp_path / "out", inspector)
    assert [(row["height"], row["width"]) for row in rows] == sorted(SHAPES)
