"""Rendered labels and the dataset folders made of them."""

import hashlib
import os
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scratch_d2.data.images import read_image
from scratch_d2.data.masks import read_mask, split_regions
from scratch_d2.data.synthetic.dataset import write_dataset
from scratch_d2.data.synthetic.glyphs import CHARACTERS, outline, rasterise
from scratch_d2.data.synthetic.plan import plan_bursts
from scratch_d2.data.synthetic.render import (
    MAX_COVERAGE,
    MAX_REGIONS,
    MIN_COVERAGE,
    VISIBLE_LEVELS,
    Sample,
    Spec,
    render,
    render_burst,
)

ROOT = Path(__file__).resolve().parents[2]
SEEDS = range(24)


def rendered(seed: int, bad: bool) -> Sample:
    return render(np.random.default_rng(seed), Spec(bad=bad))


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic") / "set"
    write_dataset(folder, 30, seed=3, bad_fraction=0.4, progress=False)
    return folder


@pytest.mark.parametrize("character", CHARACTERS)
def test_glyph_fills_the_height_of_a_capital(character: str) -> None:
    ink = rasterise(character, 0.23, 100)
    rows = np.flatnonzero((ink > 127).any(axis=1)) - 3
    assert -3 <= rows[0] <= 2 and 97 <= rows[-1] <= 102
    assert 0.25 < (ink > 127).mean() < 0.75


def test_unknown_character_is_refused() -> None:
    with pytest.raises(ValueError, match="one of 0123456789PRT, but got 'U'"):
        outline("U", 0.23)


@pytest.mark.parametrize("bad", [False, True])
def test_rendering_follows_from_seed_and_spec(bad: bool) -> None:
    first, second, other = rendered(1, bad), rendered(1, bad), rendered(2, bad)
    assert np.array_equal(first.image, second.image) and np.array_equal(first.mask, second.mask)
    assert first.meta == second.meta
    assert first.image.shape != other.image.shape or not np.array_equal(first.image, other.image)


def test_images_look_like_photographs() -> None:
    images = [rendered(seed, seed % 5 == 0).image for seed in range(120)]
    for image in images:
        assert image.dtype == np.uint8 and image.shape[2] == 3
        assert 90 <= min(image.shape[:2]) and max(image.shape[:2]) <= 330
        assert np.array_equal(image[:, :, 0], image[:, :, 2])
    sides = np.mean([image.shape[:2] for image in images], axis=0)
    assert sides == pytest.approx([141, 286], rel=0.12)
    assert np.mean([image.mean() for image in images]) == pytest.approx(184, abs=12)
    assert np.mean([image.std() for image in images]) == pytest.approx(82, abs=8)


def test_masks_are_within_the_limits_of_real_ones() -> None:
    masks = [rendered(seed, bad=True).mask for seed in SEEDS]
    coverage = [mask.mean() for mask in masks]
    assert MIN_COVERAGE <= min(coverage) and max(coverage) <= MAX_COVERAGE
    assert 0.015 < np.median(coverage) < 0.055
    assert all(1 <= len(split_regions(mask)) <= MAX_REGIONS for mask in masks)


@pytest.mark.parametrize("seed", SEEDS)
def test_good_and_bad_differ_only_inside_the_mask(seed: int) -> None:
    good, bad = rendered(seed, bad=False), rendered(seed, bad=True)
    assert not good.mask.any() and good.meta["damage"] == []
    change = np.abs(good.image[:, :, 0].astype(int) - bad.image[:, :, 0])
    assert np.count_nonzero(change[bad.mask] > VISIBLE_LEVELS) >= 20
    # Single dots are no scratch; everything that a person would see is marked.
    assert np.count_nonzero(change[~bad.mask] > VISIBLE_LEVELS) <= 20
    assert change[~bad.mask].mean() < 1.0


def test_a_burst_shows_one_label_with_small_changes() -> None:
    shots = render_burst(np.random.default_rng(5), Spec(bad=True), 4)
    assert len({shot.meta["code"] for shot in shots}) == 1
    assert len({shot.image.tobytes() for shot in shots}) == 4
    heights, widths = np.array([shot.image.shape[:2] for shot in shots]).T
    assert np.ptp(heights) <= 6 and np.ptp(widths) <= 6
    angles = [shot.meta["angle_degrees"] for shot in shots]
    assert 0 < np.ptp(angles) < 3


@pytest.mark.parametrize(
    ("count", "bad_fraction", "bad"), [(1, 0.0, 0), (1, 1.0, 1), (37, 0.2, 7), (400, 0.5, 200)]
)
def test_plan_has_the_asked_share_of_bad(count: int, bad_fraction: float, bad: int) -> None:
    bursts = plan_bursts(count, 0, bad_fraction)
    assert sum(len(burst.names) for burst in bursts) == count
    assert sum(len(burst.names) for burst in bursts if burst.bad) == bad


def test_names_are_unique_and_come_in_bursts() -> None:
    bursts = plan_bursts(600, 0, 0.2)
    names = [name for burst in bursts for name in burst.names]
    assert len(set(names)) == 600
    pattern = r"\d\d_\d\d_\d{4}_\d\d_\d\d_\d\d\.\d{6}_classifier_input\.png"
    assert all(re.fullmatch(pattern, name) for name in names)
    times = [datetime.strptime(name[:26], "%d_%m_%Y_%H_%M_%S.%f") for name in names]
    gaps = [
        (after - before).total_seconds()
        for before, after in zip(times[:-1], times[1:], strict=True)
    ]
    inside = [gap for gap in gaps if gap < 10]
    assert min(gaps) > 0.5 and all(gap > 100 for gap in gaps if gap >= 10)
    assert len(gaps) - len(inside) + 1 == len(bursts)
    assert {len(burst.names) for burst in bursts} == {1, 2, 3, 4}


def test_dataset_folder(dataset: Path) -> None:
    good, bad, masks = (sorted((dataset / name).iterdir()) for name in ("good", "bad", "masks"))
    assert len(good) == 18 and len(bad) == 12
    assert [path.name for path in bad] == [path.name for path in masks]
    modes = [Image.open(path).mode for path in masks]
    assert modes.count("P") == 6 and modes.count("L") == 6
    for image, mask in zip(bad, masks, strict=True):
        values = set(np.unique(np.asarray(Image.open(mask))).tolist())
        assert values == ({0, 1} if Image.open(mask).mode == "P" else {0, 255})
        assert read_mask(mask).shape == read_image(image).shape[:2]


def test_bytes_do_not_depend_on_workers(dataset: Path, tmp_path: Path) -> None:
    write_dataset(tmp_path / "two", 30, 3, 0.4, workers=2, progress=False)
    assert digests(tmp_path / "two") == digests(dataset)


def test_a_killed_run_goes_on(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    write_dataset(out, 30, seed=3, bad_fraction=0.4, progress=False)
    kept, *lost = sorted((out / "bad").iterdir())
    for path in lost:
        path.unlink()
    (out / "good" / ".part-1-half.png").write_bytes(b"half")
    os.utime(kept, (1, 1))
    counts = write_dataset(out, 30, seed=3, bad_fraction=0.4, progress=False)
    assert counts == {"good": 18, "bad": 12, "written": len(lost)}
    assert kept.stat().st_mtime == 1
    assert digests(out) == digests(dataset)


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
        ({"brush": 0.0}, "brush must be a radius of 0.5 to 12 px, but got 0.0"),
    ],
)
def test_bad_arguments_are_refused(tmp_path: Path, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_dataset(tmp_path / "out", **{"count": 2, **arguments}, progress=False)
    assert not (tmp_path / "out").exists()


def test_burst_without_shots_is_refused() -> None:
    with pytest.raises(ValueError, match="shots must be at least 1, but got 0"):
        render_burst(np.random.default_rng(0), Spec(), 0)


def test_out_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(OSError, match="out' cannot be written"):
        write_dataset(tmp_path / "out", 2, progress=False)


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (["--count", "5"], 0, "4 Good and 1 Bad photographs in set/scratch_synth"),
        (["--count", "-5"], 2, "error: count must be at least 1 image, but got -5"),
    ],
)
def test_command_line(tmp_path: Path, options: list[str], status: int, said: str) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "datasets" / "prepare_scratch_synth.py"), *options],
        cwd=tmp_path,
        env={**os.environ, "DETECTRON2_DATASETS": "set", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == status
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
