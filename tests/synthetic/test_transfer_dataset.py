"""Dataset folders of photographs and scratched copies: plan, content, resuming, refusals."""

import hashlib
import json
import logging
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from scratch_d2.data import scan_folder
from scratch_d2.data.groups import find_bursts
from scratch_d2.data.images import read_image
from scratch_d2.data.mask_files import read_mask
from scratch_d2.data.split import split_records
from scratch_d2.synthetic.render import Spec, render
from scratch_d2.synthetic.transfer.dataset import write_transfer
from scratch_d2.synthetic.transfer.plan import find_photographs, plan_copies
from tests.builders import save
from tests.commands import run_command

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("05_08_2024_11_40_37.501043_cls_input.png", "label.jpg", "label.png", "other.BMP")


def write_photographs(folder: Path) -> Path:
    for seed, name in enumerate(NAMES):
        save(render(np.random.default_rng(seed), Spec()).image, folder / name)
    return folder


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four Good photographs, one without print, and two files that are none."""
    folder = write_photographs(tmp_path_factory.mktemp("photographs") / "Good")
    save(np.full((90, 200), 250, np.uint8), folder / "blank.png")
    (folder / "broken.png").write_bytes(b"no image")
    (folder / "notes.txt").write_text("no image, no concern")
    return folder


def transfer(good: Path, out: Path, **options: object) -> dict[str, int]:
    return write_transfer(good, out, **{"count": 8, "seed": 3, "progress": False, **options})


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


@pytest.fixture(scope="module")
def dataset(good: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("transfer") / "set"
    assert transfer(good, out) == {"good": 5, "bad": 6, "written": 17}
    return out


def test_photographs_are_copied_and_scratched(good: Path, dataset: Path) -> None:
    copied = sorted((dataset / "good").iterdir())
    assert [path.name for path in copied] == sorted([*NAMES, "blank.png"])
    assert all(path.read_bytes() == (good / path.name).read_bytes() for path in copied)
    bad = sorted(path.name for path in (dataset / "bad").iterdir())
    assert bad == sorted(path.name for path in (dataset / "masks").iterdir())
    assert all(".scratch" in name and name.endswith(".png") for name in bad)
    clean = read_image(dataset / "good" / "other.BMP")
    mask = read_mask(dataset / "masks" / "other.scratch0.png")
    change = np.abs(read_image(dataset / "bad" / "other.scratch0.png").astype(int) - clean)
    assert change[mask].mean() > 10 > change[~mask].mean()


def test_coco_json_says_how_copies_were_made(dataset: Path) -> None:
    content = json.loads((dataset / "annotations.json").read_text("utf-8"))
    assert len(content["images"]) == 11
    images = {image["file_name"]: image for image in content["images"]}
    meta = images["bad/other.scratch0.png"]["meta"]
    assert meta["photograph"] == "other.BMP" and meta["damage"]
    assert {a["image_id"] for a in content["annotations"]} == {
        image["id"] for name, image in images.items() if name.startswith("bad/")
    }


def test_copies_stay_in_the_split_of_their_photograph(dataset: Path) -> None:
    records, report = scan_folder(dataset)
    assert report.lines() == []
    homes = {
        (record.image.name.split(".")[0], split)
        for split, part in split_records(records).items()
        for record in part
    }
    assert len(homes) == len({stem for stem, _ in homes})


@pytest.mark.parametrize(
    ("copy", "original"),
    [
        ("a.scratch0.png", "a.jpg"),
        ("a.v2.scratch12.png", "a.v2.png"),
        (f"{Path(NAMES[0]).stem}.scratch3.png", NAMES[0]),
    ],
)
def test_a_copy_is_in_the_group_of_its_original(copy: str, original: str) -> None:
    paths = [Path("bad") / copy, Path("good") / original]
    alone = find_bursts(paths[1:])[paths[1]]
    assert set(find_bursts(paths).values()) == {alone}


@pytest.mark.parametrize("name", ["a.scratch.png", "a_scratch0.png", "a.scratch0.b.png", "b.png"])
def test_other_names_are_other_groups(name: str) -> None:
    assert len(set(find_bursts([Path(name), Path("a.png")]).values())) == 2


def test_what_is_left_out_is_named(
    good: Path, dataset: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert transfer(good, dataset)["written"] == 0
    said = [record.message for record in caplog.records]
    assert len(said) == 2
    assert "broken.png': not an image" in said[0]
    assert said[1].startswith("left out: blank.png: no print")
    left_out = json.loads((dataset / "left_out.json").read_text("utf-8"))
    assert set(left_out) == {"blank.scratch0.png", "blank.scratch1.png"}


def test_bytes_depend_neither_on_workers_nor_on_a_kill(
    good: Path, dataset: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(dataset, tmp_path / "set")
    for name in ("annotations.json", "left_out.json", "bad/other.scratch0.png"):
        (out / name).unlink()
    (out / "masks" / "label.scratch0.png").write_bytes(b"")
    (out / "good" / ".half.png.1.part").write_bytes(b"half")
    kept = out / "masks" / "other.scratch0.png"
    os.utime(kept, (1, 1))
    assert transfer(good, out, workers=2)["written"] == 2
    assert kept.stat().st_mtime == 1
    assert digests(out) == digests(dataset)


def test_a_finished_folder_is_left_alone(good: Path, dataset: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in dataset.rglob("*")}
    assert transfer(good.parent, dataset) == {"good": 5, "bad": 6, "written": 0}
    assert {path: path.stat().st_mtime_ns for path in dataset.rglob("*")} == before


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (None, {"seed": 4}, "seed = 3, not 4"),
        (None, {"count": 9}, "count = 8, not 9"),
        (lambda folder: (folder / "label.jpg").unlink(), {}, "holds 'good/label.jpg'"),
        (
            lambda folder: shutil.copy(folder / "label.png", folder / "new.png"),
            {},
            r"with good/new\.png = None",
        ),
        (
            lambda folder: shutil.copy(folder / "other.BMP", folder / "label.png"),
            {},
            r"with good/label\.png = 'sha256:",
        ),
    ],
    ids=["seed", "count", "removed", "added", "changed"],
)
def test_another_call_is_refused(
    good: Path, dataset: Path, tmp_path: Path, change: object, options: dict, message: str
) -> None:
    source = shutil.copytree(good, tmp_path / "source")
    if change:
        change(source)
    before = digests(dataset)
    with pytest.raises(FileExistsError, match=message):
        transfer(source, dataset, **options)
    assert digests(dataset) == before


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"good": "nowhere"}, FileNotFoundError, "nowhere': no such folder"),
        ({"good": "empty"}, ValueError, "no readable photograph among 0 image files"),
        ({"good": "broken"}, ValueError, "among 1 image files: .*not an image"),
        ({"good": "blank"}, ValueError, "none of 1 photographs can be scratched; .*a.png': no pri"),
        ({"count": 0}, ValueError, "count must be at least 1 image, but got 0"),
        ({"workers": 0}, ValueError, "workers must be at least 1 process"),
        ({"brush": -1.0}, ValueError, "brush must be a radius"),
        ({"out": "photographs/set"}, ValueError, "lies inside the folder of photographs"),
        ({"out": "photographs"}, ValueError, "lies inside the folder of photographs"),
        ({"out": "file"}, OSError, "file' cannot be written"),
    ],
)
def test_bad_input_is_refused_and_writes_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: dict,
    error: type[Exception],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_photographs(Path("photographs"))
    Path("empty").mkdir()
    save(np.full((90, 200), 250, np.uint8), Path("blank") / "a.png")
    Path("broken").mkdir()
    Path("broken/a.png").write_bytes(b"no image")
    Path("file").touch()
    before = digests(tmp_path)
    with pytest.raises(error, match=message):
        transfer(**{"good": Path("photographs"), "out": Path("out"), **options})
    assert digests(tmp_path) == before and not Path("out").exists()


def test_copies_are_dealt_evenly_under_names_of_their_own() -> None:
    photographs = [Path(name) for name in ("a.jpg", "a.png", "b.png", "b.scratch0.png")]
    copies = [copy for copy in plan_copies(photographs, 10, seed=0) if copy.bad]
    dealt = Counter(copy.photograph for copy in copies)
    assert sorted(dealt.values()) == [2, 2, 3, 3]
    names = [copy.name for copy in copies]
    assert len(set(names)) == 10 and "b.scratch0.png" not in names
    few = [plan_copies(photographs, 2, seed)[4:] for seed in range(8)]
    assert len({tuple(copies) for copies in few}) > 1


def test_photographs_are_found_in_good_of_a_dataset(good: Path) -> None:
    readable, unreadable = find_photographs(good.parent)
    assert readable == find_photographs(good)[0]
    assert [path.name for path in unreadable] == ["broken.png"] and len(readable) == 5


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (["--count", "2"], 0, "5 Good and 2 Bad photographs in set"),
        (
            ["--bad-fraction", "0.5"],
            2,
            "error: --bad-fraction, --font and --damage are for rendered labels",
        ),
    ],
)
def test_command_line(
    good: Path, tmp_path: Path, options: list[str], status: int, said: str
) -> None:
    options = ["--from-good", good, "--out", "set", "--workers", "1", *options]
    done = run_command("render", *options, cwd=tmp_path)
    assert done.returncode == status
    assert said in done.stdout + done.stderr
