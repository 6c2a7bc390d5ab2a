import json
import os
import shutil
from dataclasses import replace

import pytest

from scratch_d2.inspection.inputs import find_files
from scratch_d2.inspection.inspector import Inspector
from scratch_d2.inspection.merging import merge_results
from scratch_d2.inspection.predict import predict_files
from scratch_d2.inspection.rows import RowFile
from scratch_d2.inspection.shards import Shard
from scratch_d2.structures.thresholds import Thresholds
from tests.inspection.fakes import (
    EVERYTHING,
    bright_detector,
    bright_inspector,
    write_files,
)


@pytest.fixture(autouse=True)
def frozen_clock(monkeypatch):
    monkeypatch.setattr("scratch_d2.inspection.rows.now", lambda: "2027-01-01T00:00:00.000+00:00")


def run(folder, output, shard=None, inspector=None, **changes):
    options = replace(EVERYTHING, shard=shard and Shard.parse(shard), **changes)
    sources = find_files([str(folder)])
    return predict_files(inspector or bright_inspector(), sources, output, options, total=14)[0]


def run_shards(folder, output, count):
    shards = [output / f"shard{number}" for number in range(1, count + 1)]
    for number, shard in enumerate(shards, 1):
        run(folder, shard, f"{number}/{count}")
    return shards


def files_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_merged_shards_are_an_unbroken_run(tmp_path, count):
    """Nine shards of seven batches: two are empty."""
    folder = write_files(tmp_path / "in", 13)
    whole = run(folder, tmp_path / "whole")
    shards = run_shards(folder, tmp_path, count)
    assert merge_results(reversed(shards), tmp_path / "merged") == whole
    assert files_of(tmp_path / "merged") == files_of(tmp_path / "whole")
    assert len(files_of(tmp_path / "merged")) == 5 + 2 * 13
    one = next((tmp_path / "merged" / "masks").iterdir())
    assert one.stat().st_nlink == 2


def test_pictures_are_copied_where_links_are_not_possible(tmp_path, monkeypatch):
    def refuse(source, target):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    shards = run_shards(write_files(tmp_path / "in"), tmp_path, 2)
    merge_results(shards, tmp_path / "merged")
    pictures = files_of(tmp_path / "shard1" / "masks")
    assert pictures and pictures.items() <= files_of(tmp_path / "merged" / "masks").items()


@pytest.mark.parametrize("kept_bytes", [0, 300, 1500, 3000])
def test_a_killed_shard_is_resumed_to_the_same_bytes(tmp_path, kept_bytes):
    folder = write_files(tmp_path / "in", 13)
    run(folder, tmp_path / "whole")
    shards = run_shards(folder, tmp_path, 2)
    before = files_of(shards[1])
    results = shards[1] / "results.jsonl"
    results.write_bytes(results.read_bytes()[:kept_bytes])
    (shards[1] / "summary.json").unlink()
    with pytest.raises(FileNotFoundError, match="shard2' has no summary.json, .* with --resume"):
        merge_results(shards, tmp_path / "merged")
    run(folder, shards[1], "2/2", resume=True)
    assert files_of(shards[1]) == before
    merge_results(shards, tmp_path / "merged")
    assert files_of(tmp_path / "merged") == files_of(tmp_path / "whole")


def test_a_file_that_was_repaired_keeps_its_place(tmp_path):
    folder = write_files(tmp_path / "in")
    shards = run_shards(folder, tmp_path, 2)
    shutil.copy(folder / "image 1\nü.png", folder / "broken.png")
    run(folder, shards[0], "1/2", resume=True)
    assert [row["image_id"] for row in RowFile(shards[0] / "results.jsonl")] == [1, 4, 5, 0]
    merge_results(shards, tmp_path / "merged")
    run(folder, tmp_path / "whole")
    assert files_of(tmp_path / "merged") == files_of(tmp_path / "whole")


@pytest.mark.parametrize("name", ["a new one.png", "c new one.png", "image 5.png"])
def test_a_shard_is_not_resumed_on_other_inputs(tmp_path, name):
    folder = write_files(tmp_path / "in")
    run(folder, tmp_path / "out", "1/2")
    before = RowFile(tmp_path / "out" / "results.jsonl").count()
    shutil.copy(folder / "broken.png", folder / name)
    if name == "image 5.png":  # after all others, in another shard's batch
        run(folder, tmp_path / "out", "1/2", resume=True)
        assert RowFile(tmp_path / "out" / "results.jsonl").count() == before
        return
    with pytest.raises(ValueError, match="the inputs have changed since .*their file [1-6] is now"):
        run(folder, tmp_path / "out", "1/2", resume=True)


@pytest.mark.parametrize("shards", [("1/2", None), (None, "1/2"), ("1/2", "2/2")])
def test_a_folder_is_resumed_as_the_shard_that_it_is(tmp_path, shards):
    folder = write_files(tmp_path / "in")
    run(folder, tmp_path / "out", shards[0])
    with pytest.raises(ValueError, match=f"with shard = {shards[0]!r}, now it is {shards[1]!r}"):
        run(folder, tmp_path / "out", shards[1], resume=True)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["1/2"], "shards are missing: 2/2"),
        (["2/4"], "shards are missing: 1/4, 3/4, 4/4"),
        (["2/50"], r"shards are missing: 1/50, 3/50, .* 21/50 and 29 more"),
        (["1/2", "1/2"], "0' and '.*1' are both shard 1/2; give each shard once"),
        (["1/2", "1/3"], "is shard 1/2, '.*1' is shard 1/3; all must be of the same count"),
        (["1/2", None], "1' is not of a run with --shard"),
    ],
)
def test_shards_that_do_not_fit_are_named(tmp_path, given, said):
    folder = write_files(tmp_path / "in")
    for number, shard in enumerate(given):
        run(folder, tmp_path / str(number), shard)
    with pytest.raises(ValueError, match=said):
        merge_results([tmp_path / str(n) for n in range(len(given))], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


@pytest.mark.parametrize(
    ("inspector", "said"),
    [
        (
            Inspector(None, bright_detector, Thresholds(area=9.0), metadata={"weights": "a.pth"}),
            r"1' was made with area = 500.0, .*2' with 9.0",
        ),
        (
            Inspector(None, bright_detector, Thresholds(), metadata={"weights": "b.pth"}),
            r"1' was made with weights = 'a.pth', .*2' with 'b.pth'",
        ),
    ],
)
def test_settings_that_differ_are_named(tmp_path, inspector, said):
    folder = write_files(tmp_path / "in")
    run(folder, tmp_path / "1", "1/2")
    run(folder, tmp_path / "2", "2/2", inspector)
    with pytest.raises(ValueError, match=said):
        merge_results([tmp_path / "1", tmp_path / "2"], tmp_path / "merged")


@pytest.mark.parametrize("more", [True, False])
def test_inputs_that_changed_between_the_shards_are_refused(tmp_path, more):
    folder = write_files(tmp_path / "in")
    run(folder, tmp_path / "1", "1/2")
    if more:
        write_files(folder, 6)
    else:
        (folder / "broken.png").rename(folder / "broken too.png")
    run(folder, tmp_path / "2", "2/2")
    said = r"different inputs \(6 and 7 files\)" if more else "different inputs; make all"
    with pytest.raises(ValueError, match=said):
        merge_results([tmp_path / "1", tmp_path / "2"], tmp_path / "merged")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: lines[:-1], "has 3 rows, the shard 4 files .*: image_id 5"),
        (lambda lines: [*lines, lines[0]], "has 5 rows, the shard 4 files .*: an image_id twice"),
        (lambda lines: [*lines, '{"image_id": 2}\n'], "has 5 rows, .*: image_id 2"),
        (lambda lines: [*lines, "{"], "results.jsonl, line 5: not a row"),
        (lambda lines: [*lines, "[]\n"], "results.jsonl, line 5: not a row"),
    ],
)
def test_rows_that_are_not_those_of_the_shard_are_named(tmp_path, change, said):
    shards = run_shards(write_files(tmp_path / "in"), tmp_path, 2)
    results = shards[0] / "results.jsonl"
    results.write_text("".join(change(results.read_text().splitlines(keepends=True))))
    with pytest.raises(ValueError, match=said):
        merge_results(shards, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("settings.json", None, "has no settings.json"),
        ("settings.json", "[1", "settings.json' cannot be read"),
        ("settings.json", '{"shard": "7/3"}', "shard '7/3' is not accepted"),
        ("summary.json", "{}", "summary.json' does not say what the inputs were"),
    ],
)
def test_damaged_results_are_named(tmp_path, name, content, said):
    shards = run_shards(write_files(tmp_path / "in"), tmp_path, 2)
    (shards[0] / name).unlink() if content is None else (shards[0] / name).write_text(content)
    with pytest.raises((ValueError, FileNotFoundError), match=said):
        merge_results(shards, tmp_path / "merged")


def test_results_are_neither_replaced_unasked_nor_merged_into_themselves(tmp_path):
    shards = run_shards(write_files(tmp_path / "in"), tmp_path, 2)
    merge_results(shards, tmp_path / "merged")
    with pytest.raises(FileExistsError, match="already holds results; pass --overwrite to r"):
        merge_results(shards, tmp_path / "merged")
    merge_results(shards, tmp_path / "merged", overwrite=True)
    with pytest.raises(ValueError, match="shard2' is one of the shards; choose another"):
        merge_results(shards, tmp_path / "in" / ".." / "shard2", overwrite=True)
    with pytest.raises(FileNotFoundError, match="nothing': no such folder"):
        merge_results([*shards, tmp_path / "nothing"], tmp_path / "merged", overwrite=True)
    assert len(list(RowFile(shards[1] / "results.jsonl"))) == 2


def test_a_picture_that_is_gone_is_named(tmp_path):
    shards = run_shards(write_files(tmp_path / "in"), tmp_path, 2)
    next((shards[0] / "masks").iterdir()).unlink()
    with pytest.raises(FileNotFoundError, match="mask '.*shard1/masks/.*png' of '.*: no such file"):
        merge_results(shards, tmp_path / "merged")


def test_rows_outside_the_folders_are_not_followed(tmp_path):
    shards = run_shards(write_files(tmp_path / "in"), tmp_path, 2)
    (tmp_path / "secret.png").touch()
    rows = list(RowFile(shards[1] / "results.jsonl"))
    rows[0]["mask"] = "../../secret.png"
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (shards[1] / "results.jsonl").write_text(text)
    with pytest.raises(FileNotFoundError, match="masks/secret.png"):
        merge_results(shards, tmp_path / "merged")
