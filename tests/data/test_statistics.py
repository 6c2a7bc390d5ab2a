import json
import os
from pathlib import Path

import numpy as np
import pytest

from scratch_d2.data.catalog import find_dataset_dicts, get_dataset_dicts
from scratch_d2.data.images import ImageError
from scratch_d2.data.statistics import MEASURES, measure_dataset
from scratch_d2.data.statistics_table import FORMATS, to_markdown
from scratch_d2.structures.dataset_dict import mask_of, verdict_of
from scratch_d2.structures.masks import encode_rle
from tests.builders import rectangles, save, write_dataset
from tests.commands import run_command

ROOT = Path(__file__).resolve().parents[2]
REAL = {key: float("nan") if m.real is None else m.real for key, m in MEASURES.items()}


def write_plain(root: Path, greys: list[int], boxes: list[tuple]) -> list[dict]:
    """Photographs of one grey each, 20 x 10 and then 10 px higher each; a mask for the last."""
    for index, grey in enumerate(greys):
        bad = index == len(greys) - 1
        image = np.full((10 + 10 * index, 20, 3), grey, np.uint8)
        save(image, root / ("bad" if bad else "good") / f"{index}.png")
    mask = rectangles(*image.shape[:2], *boxes)
    save(mask.astype(np.uint8) * 255, root / "masks" / f"{index}.png")
    return find_dataset_dicts(str(root))


def test_statistics_of_a_known_dataset(tmp_path):
    dicts = write_plain(tmp_path, [30, 90, 210], [(0, 0, 5, 3), (10, 10, 19, 15)])
    statistics = measure_dataset(dicts)
    assert list(statistics) == list(MEASURES)
    counts = ("photographs", "good", "bad", "bad_without_mask", "side_min", "side_max")
    assert [statistics[key] for key in counts] == [3, 2, 1, 0, 10, 30]
    assert (statistics["width_mean"], statistics["height_mean"]) == (20, 20)
    assert statistics["bad_share"] == pytest.approx(100 / 3)
    # Pixels count, not images: 200 of 30, 400 of 90 and 600 of 210.
    levels = np.repeat([30, 90, 210], [200, 400, 600])
    assert statistics["grey_mean"] == pytest.approx(levels.mean())
    assert statistics["grey_std"] == pytest.approx(levels.std())
    assert [statistics[f"image_grey_{q}"] for q in (5, 50, 95)] == pytest.approx([36, 90, 198])
    assert statistics["coverage_mean"] == statistics["coverage_50"] == pytest.approx(100 * 60 / 600)
    assert statistics["regions_min"] == statistics["regions_max"] == 2
    sizes = [os.path.getsize(item["file_name"]) for item in dicts]
    assert statistics["file_mean"] == pytest.approx(np.mean(sizes) / 1000)


def test_a_bad_image_without_mask_has_no_coverage(tmp_path):
    (write_dataset(tmp_path, good=2, bad=3) / "masks" / "bad1.png").unlink()
    statistics = measure_dataset(find_dataset_dicts(str(tmp_path)))
    assert (statistics["bad"], statistics["bad_without_mask"]) == (3, 1)
    assert (
        statistics["coverage_min"] == statistics["coverage_max"] == pytest.approx(100 * 240 / 6144)
    )


def test_what_cannot_be_known_is_nan_and_shown_as_a_dash(tmp_path):
    save(np.full((8, 8, 3), 100, np.uint8), tmp_path / "good" / "a.png")
    statistics = measure_dataset(find_dataset_dicts(str(tmp_path)))
    assert np.isnan([statistics["coverage_50"], statistics["regions_max"]]).all()
    (row,) = (line for line in to_markdown({"a": statistics}).splitlines() if "%: median" in line)
    assert [cell.strip() for cell in row.split("|")[2:-1]] == ["3.5", "-"]
    assert json.loads(FORMATS[".json"]({"a": statistics}))["a"]["coverage_50"] is None


def test_dicts_of_other_projects_are_measured(tmp_path):
    mask = rectangles(20, 30, (2, 2, 12, 6), (8, 4, 20, 10))
    polygon = [25.0, 0, 30, 0, 30, 5, 25, 5]
    item = {
        "file_name": str(save(np.zeros((20, 30, 3), np.uint8), tmp_path / "a.png")),
        **{"height": 20, "width": 30, "image_id": "a"},
        "annotations": [{"segmentation": encode_rle(mask)}, {"segmentation": [polygon]}],
    }
    np.testing.assert_array_equal(mask_of(item), mask | rectangles(20, 30, (25, 0, 30, 5)))
    assert verdict_of(item) == "bad" and verdict_of({**item, "annotations": []}) == "good"
    assert measure_dataset([item])["regions_50"] == 2


@pytest.mark.parametrize(
    ("key", "value", "cell"),
    [
        ("coverage_50", 4.2, "4.20 ok (+20%)"),
        ("coverage_50", 2.79, "2.79 off (-20%)"),
        ("grey_mean", 183.9, "184 ok (+0%)"),
        ("regions_50", 2.0, "2 off (+100%)"),
        ("photographs", 12345.0, "12,345"),
        ("coverage_95", 8.0, "8.00"),
    ],
)
def test_deviations_from_the_real_set_are_marked(key, value, cell):
    table = to_markdown({"mine | too": {**REAL, key: value}}).splitlines()
    assert " 5,180 real |" in table[0] and "mine \\| too" in table[0]
    assert len({len(line) for line in table}) == 1 and len(table) == len(MEASURES) + 2
    (row,) = (line for line in table if line.startswith(f"| {MEASURES[key].title} "))
    assert row.split("|")[3].strip() == cell


def test_the_real_set_agrees_with_itself():
    judged = [line.split("|")[3] for line in to_markdown({"real": REAL}).splitlines()]
    assert sum("ok (+0%)" in cell for cell in judged) == 15
    assert not any("off" in cell for cell in judged)


def test_unreadable_and_missing_images_are_errors(labels, tmp_path):
    good, *_, bad = get_dataset_dicts("tests_labels")
    (tmp_path / "empty.png").touch()
    with pytest.raises(ImageError, match="empty.png': the file is empty"):
        measure_dataset([good, {**bad, "file_name": str(tmp_path / "empty.png")}])
    with pytest.raises(FileNotFoundError, match="gone.png"):
        measure_dataset([{**bad, "file_name": "gone.png"}])
    with pytest.raises(ValueError, match="without photographs"):
        measure_dataset([])


def test_a_name_goes_before_a_folder(labels, tmp_path, monkeypatch):
    monkeypatch.chdir(write_dataset(tmp_path / "tests_labels", good=1, bad=1).parent)
    assert len(find_dataset_dicts("tests_labels")) == 10
    assert len(find_dataset_dicts("./tests_labels")) == 2
    with pytest.raises(ValueError, match="'nowhere' is neither a folder nor a registered dataset"):
        find_dataset_dicts("nowhere")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["labels", "--output", "new/table.json"], 0, "| photographs "),
        (["nowhere"], 2, "error: 'nowhere' is neither a folder nor a registered dataset"),
        (["labels", "--output", "table.xls"], 2, "accepted are names in .md or .json"),
    ],
)
def test_command_line(tmp_path, arguments, status, said):
    write_dataset(tmp_path / "labels", good=2, bad=1)
    done = run_command("describe", *arguments, cwd=tmp_path)
    assert done.returncode == status
    assert said in done.stdout + done.stderr
    if status == 0:
        assert json.loads((tmp_path / "new" / "table.json").read_text())["labels"]["bad"] == 1
