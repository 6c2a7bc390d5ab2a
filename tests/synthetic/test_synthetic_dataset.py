"""Dataset folders of rendered labels: content, same bytes again, resuming, refusals."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFont

from scratch_d2.data import scan_folder
from scratch_d2.data.catalog import record_to_dict
from scratch_d2.data.coco import to_coco
from scratch_d2.data.groups import find_bursts
from scratch_d2.data.images import read_image
from scratch_d2.data.mask_files import read_mask
from scratch_d2.structures.masks import decode_rle
from scratch_d2.synthetic.dataset import write_dataset
from scratch_d2.synthetic.disk.parallel import open_workers
from scratch_d2.synthetic.plan import plan_bursts
from scratch_d2.synthetic.render import Spec
from tests.commands import run_command

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"count": 30, "seed": 3, "bad_fraction": 0.4}


def render_small(out: Path, workers: int = 1) -> dict[str, int]:
    return write_dataset(out, **SMALL, workers=workers, progress=False)


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def read_json(path: Path) -> dict:
    return json.loads(path.read_text("utf-8"))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic") / "set"
    assert render_small(folder) == {"good": 18, "bad": 12, "written": 42}
    return folder


@pytest.fixture
def half_done(tmp_path: Path) -> Path:
    """A folder as a killed run leaves it: some files missing, one half, one empty."""
    out = tmp_path / "set"
    render_small(out)
    (out / "annotations.json").unlink()
    kept, empty, *lost = sorted((out / "bad").iterdir())
    for path in lost:
        path.unlink()
    empty.write_bytes(b"")
    (out / "good" / ".half.png.1.part").write_bytes(b"half")
    os.utime(kept, (1, 1))
    return out


def test_photographs_and_masks(dataset: Path) -> None:
    good, bad, masks = (sorted((dataset / name).iterdir()) for name in ("good", "bad", "masks"))
    assert len(good) == 18 and len(bad) == 12
    assert [path.name for path in bad] == [path.name for path in masks]
    modes = [Image.open(path).mode for path in masks]
    assert modes.count("P") == 6 and modes.count("L") == 6
    for image, mask in zip(bad, masks, strict=True):
        values = set(np.unique(np.asarray(Image.open(mask))).tolist())
        assert values == ({0, 1} if Image.open(mask).mode == "P" else {0, 255})
        assert read_mask(mask).shape == read_image(image).shape[:2]


def test_annotations_are_those_of_a_scan(dataset: Path) -> None:
    written = read_json(dataset / "annotations.json")
    metas = [image.pop("meta") for image in written["images"]]
    records, report = scan_folder(dataset)
    assert report.lines() == []
    assert written == to_coco(record_to_dict(r, index) for index, r in enumerate(records))
    assert [bool(meta["damage"]) for meta in metas] == [False] * 18 + [True] * 12
    first = written["annotations"][0]
    name = written["images"][first["image_id"]]["file_name"]
    assert name.startswith("bad/")
    mask = read_mask(dataset / "masks" / Path(name).name)
    assert not (decode_rle(first["segmentation"]) & ~mask).any()
    assert metas[18]["coverage"] == pytest.approx(mask.mean(), abs=1e-5)


def test_manifest_says_how_to_render_it_again(dataset: Path, tmp_path: Path) -> None:
    manifest = read_json(dataset / "manifest.json")
    parameters = manifest["parameters"]
    assert {key: parameters[key] for key in SMALL} == SMALL
    assert parameters["fonts"] == [] and parameters["brush"] == Spec.brush
    assert manifest["rendered_with"][0]["numpy"] == np.__version__


def test_bytes_do_not_depend_on_workers(dataset: Path, tmp_path: Path) -> None:
    render_small(tmp_path / "two", workers=2)
    assert digests(tmp_path / "two") == digests(dataset)


def test_bytes_do_not_depend_on_the_processor(dataset: Path, tmp_path: Path) -> None:
    options = [f"--{key.replace('_', '-')}={value}" for key, value in SMALL.items()]
    older = {"OPENCV_CPU_DISABLE": "AVX2,FMA3,AVX,SSE4.2", "OPENCV_IPP": "disabled"}
    done = subprocess.run(
        [sys.executable, "-m", "scratch_d2", "render", *options, "--out=old", "--workers=1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), **older},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert digests(tmp_path / "old") == digests(dataset)


def test_a_killed_run_goes_on(dataset: Path, half_done: Path) -> None:
    assert render_small(half_done) == {"good": 18, "bad": 12, "written": 11}
    assert digests(half_done) == digests(dataset)
    kept = min((half_done / "bad").iterdir())
    assert kept.stat().st_mtime == 1


def test_a_finished_run_is_left_as_it_is(dataset: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in dataset.rglob("*")}
    assert render_small(dataset)["written"] == 0
    assert {path: path.stat().st_mtime_ns for path in dataset.rglob("*")} == before


def test_other_libraries_are_named(
    dataset: Path, half_done: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = read_json(half_done / "manifest.json")
    now = manifest["rendered_with"][0]
    manifest["rendered_with"] = [{**now, "opencv": "3.4.0"}]
    (half_done / "manifest.json").write_text(json.dumps(manifest))
    render_small(half_done)
    assert f"other libraries (opencv 3.4.0 -> {now['opencv']})" in caplog.text
    rendered_with = read_json(half_done / "manifest.json")["rendered_with"]
    assert [entry["opencv"] for entry in rendered_with] == ["3.4.0", now["opencv"]]


def test_a_full_disk_leaves_only_whole_files(dataset: Path, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    sizes = sorted(path.stat().st_size for path in (dataset / "good").iterdir())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (sizes[12], limits[1]))
    try:
        with pytest.raises(OSError, match=r"\.png' cannot be written \(File too large\)"):
            render_small(tmp_path / "set")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    left, whole = digests(tmp_path / "set"), digests(dataset)
    assert 1 < len(left) < len(whole) and left.items() <= whole.items()
    render_small(tmp_path / "set")
    assert digests(tmp_path / "set") == whole


def test_a_killed_worker_is_an_error() -> None:
    with pytest.raises(OSError, match="a worker process was killed"), open_workers(2) as parallel:
        list(parallel(os._exit, [1, 1]))


def test_a_damaged_file_is_named(half_done: Path) -> None:
    damaged = min((half_done / "good").glob("[0-9]*"))
    damaged.write_bytes(damaged.read_bytes()[:300])
    with pytest.raises(OSError, match=rf"{damaged.name}'.*; delete it, and the same call"):
        render_small(half_done)
    assert not (half_done / "annotations.json").exists()


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("holiday.jpg", "", "holds 'holiday.jpg' but no manifest.json"),
        ("manifest.json", "[]", "is not a manifest of this generator"),
        ("manifest.json", '{"parameters": {"seed": 9}}', "was rendered with rendering = None"),
    ],
)
def test_a_foreign_folder_is_refused(tmp_path: Path, file: str, content: str, message: str) -> None:
    (tmp_path / file).write_text(content)
    with pytest.raises(FileExistsError, match=re.escape(message)):
        write_dataset(tmp_path, 2, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == [file]


def test_other_parameters_and_foreign_files_are_refused(tmp_path: Path) -> None:
    write_dataset(tmp_path, 2, seed=4, progress=False)
    with pytest.raises(FileExistsError, match="rendered with seed = 4, not 5"):
        write_dataset(tmp_path, 2, seed=5, progress=False)
    (tmp_path / "good" / "mine.png").touch()
    with pytest.raises(FileExistsError, match="holds 'good/mine.png'"):
        write_dataset(tmp_path, 2, seed=4, progress=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 0}, "count must be at least 1 image, but got 0"),
        ({"seed": -1}, "seed must be 0 or more, but got -1"),
        ({"bad_fraction": 1.2}, r"bad_fraction must be within 0\.\.1, but got 1.2"),
        ({"bad_fraction": float("nan")}, "but got nan"),
        ({"workers": 0}, "workers must be at least 1 process, but got 0"),
        ({"damage": ["hole"]}, "damage 'hole' is unknown; accepted are streaks, .*, rubbed"),
        ({"brush": -1.0}, "brush must be a radius of .* px, but got -1.0"),
        ({"fonts": [__file__]}, "font .* cannot be used"),
    ],
)
def test_bad_arguments_are_refused(tmp_path: Path, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_dataset(tmp_path / "out", **{"count": 2, **arguments}, progress=False)
    assert not (tmp_path / "out").exists()


def test_only_the_damage_asked_for(tmp_path: Path) -> None:
    kinds = {"notch", "cut"}
    write_dataset(tmp_path, 12, bad_fraction=1, damage=sorted(kinds), progress=False)
    found = [json.loads(Image.open(path).info["scratch_d2"]) for path in tmp_path.glob("bad/*")]
    assert {kind for meta in found for kind in meta["damage"]} == kinds
    assert read_json(tmp_path / "manifest.json")["parameters"]["damage"] == ["cut", "notch"]
    with pytest.raises(FileExistsError, match="rendered with damage = "):
        write_dataset(tmp_path, 12, bad_fraction=1, progress=False)


def test_a_folder_of_an_earlier_release_is_continued(tmp_path: Path) -> None:
    write_dataset(tmp_path, 2, progress=False)
    manifest = read_json(tmp_path / "manifest.json")
    del manifest["parameters"]["damage"]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert write_dataset(tmp_path, 2, progress=False)["written"] == 0


@pytest.mark.parametrize("out", ["file", "file/out"])
def test_out_that_cannot_be_written_is_refused(tmp_path: Path, out: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=rf"{out}' cannot be written \(.*\); a folder with write"):
        write_dataset(tmp_path / out, 2, progress=False)


def test_a_font_is_in_the_manifest(tmp_path: Path) -> None:
    content = ImageFont.load_default(size=20).path.getvalue()
    (tmp_path / "face.ttf").write_bytes(content)
    write_dataset(tmp_path / "set", 2, fonts=[tmp_path / "face.ttf"], progress=False)
    fonts = read_json(tmp_path / "set" / "manifest.json")["parameters"]["fonts"]
    assert fonts == [f"face.ttf sha256:{hashlib.sha256(content).hexdigest()}"]
    with pytest.raises(FileExistsError, match="rendered with fonts = "):
        write_dataset(tmp_path / "set", 2, progress=False)


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (["--count", "5"], 0, "4 Good and 1 Bad photographs in set/scratch_synth"),
        (["--count", "-5"], 2, "error: count must be at least 1 image, but got -5"),
        (["--font", "a.ttf"], 2, "error: font 'a.ttf': no such file"),
    ],
)
def test_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], status: int, said: str
) -> None:
    monkeypatch.setenv("DETECTRON2_DATASETS", "set")
    done = run_command("render", *options, cwd=tmp_path)
    assert done.returncode == status
    assert said in done.stdout + done.stderr


def test_sets_of_different_seeds_share_no_burst():
    names = {s: [n for b in plan_bursts(3000, s, 0.2) for n in b.names] for s in (0, 1, 5001)}
    assert names[1][0][:10] == names[5001][0][:10]  # beyond the calendar the years begin again
    for seed in (0, 1):
        assert len(set(names[seed])) == 3000
    bursts = find_bursts(Path(name) for name in names[0] + names[1])
    homes = [{bursts[Path(name)] for name in names[seed]} for seed in (0, 1)]
    assert not homes[0] & homes[1] and len(homes[0]) == len(plan_bursts(3000, 0, 0.2))
