import json
from dataclasses import fields
from pathlib import Path

import pytest

from scratch_d2.inspection.inputs import InputFile
from scratch_d2.inspection.results import EARLIER, open_results, read_taken, skip_done
from scratch_d2.inspection.rows import RowFile, error_row
from scratch_d2.inspection.watch import fingerprint
from scratch_d2.structures.thresholds import Thresholds
from tests.builders import save
from tests.inspection.fakes import photograph

SETTINGS = {"weights": "a.pth", "batch_size": 2}


def write_rows(folder, count):
    with open_results(folder, SETTINGS) as rows:
        rows.append(
            [error_row(index, InputFile(f"{index}.png"), "x" * 99) for index in range(count)]
        )
    return rows


def test_former_results_are_never_replaced_unasked(tmp_path):
    write_rows(tmp_path, 3)
    with pytest.raises(FileExistsError, match="already holds results; pass --resume"):
        write_rows(tmp_path, 1)
    with open_results(tmp_path, SETTINGS, resume=True) as rows:
        assert len(list(rows)) == 3
    with open_results(tmp_path, SETTINGS, overwrite=True) as rows:
        assert list(rows) == [] and (tmp_path / "masks").is_dir()


def test_overwriting_removes_pictures_of_a_run_and_no_others(tmp_path):
    write_rows(tmp_path, 1)
    for name in ("000000_a.png", "label.png", "notes.txt"):
        (tmp_path / "masks" / name).touch()
    with open_results(tmp_path, SETTINGS, overwrite=True):
        assert sorted(path.name for path in (tmp_path / "masks").iterdir()) == [
            "label.png",
            "notes.txt",
        ]


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["good", "bad"])
def test_results_do_not_go_among_photographs(tmp_path, name, overwrite):
    (tmp_path / name).mkdir()
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "000000_drawn.png").touch()
    with pytest.raises(FileExistsError, match=f"holds photographs in {name}/"):
        with open_results(tmp_path, SETTINGS, overwrite=overwrite):
            raise AssertionError
    assert (tmp_path / "masks" / "000000_drawn.png").is_file()


def test_another_precision_can_be_asked_for_instead(tmp_path):
    saved = {**SETTINGS, **EARLIER, "precision": "bfloat16"}
    (tmp_path / "settings.json").write_text(json.dumps(saved))
    with pytest.raises(ValueError, match="'float32'; set SCRATCH.PRECISION bfloat16, pass --ov"):
        with open_results(tmp_path, {**saved, "precision": "float32"}, resume=True):
            raise AssertionError


@pytest.mark.parametrize("key", ["weights", "batch_size"])
def test_other_settings_are_named_and_refused(tmp_path, key):
    write_rows(tmp_path, 1)
    with pytest.raises(ValueError, match=f"with {key} = .*, now it is 'b'; pass --overwrite"):
        with open_results(tmp_path, {**SETTINGS, key: "b"}, resume=True):
            raise AssertionError


def test_settings_that_an_earlier_version_did_not_have_are_what_it_did(tmp_path):
    write_rows(tmp_path, 1)
    (tmp_path / "settings.json").write_text(json.dumps({**SETTINGS, "gate_skip": 0.1}))
    now = {**SETTINGS, **EARLIER, "gate_threshold": 0.1, "model_id": "5eed"}
    for other in ({"pixels_per_mm": 8.0}, {"white_level": 9.0}, {"gate_threshold": 0.2}):
        with pytest.raises(ValueError, match=f"holds results with {next(iter(other))} = "):
            with open_results(tmp_path, {**now, **other}, resume=True):
                raise AssertionError
    with open_results(tmp_path, now, resume=True) as rows:
        assert len(list(rows)) == 1


def test_every_threshold_is_one_of_the_first_or_has_an_earlier_value():
    first = {"score", "area", "area_method", "area_unit", "review_band", "gate_threshold"}
    assert {field.name for field in fields(Thresholds)} - first <= EARLIER.keys()


@pytest.mark.parametrize("content", ["", "[1]", "{", "7"])
def test_damaged_settings_are_named(tmp_path, content):
    write_rows(tmp_path, 1)
    (tmp_path / "settings.json").write_text(content)
    with pytest.raises(ValueError, match="settings.json' does not say how the results"):
        with open_results(tmp_path, SETTINGS, resume=True):
            raise AssertionError


def test_a_folder_is_written_by_one_run_at_a_time(tmp_path):
    with open_results(tmp_path, SETTINGS):
        with pytest.raises(OSError, match="is being written by another run"):
            with open_results(tmp_path, SETTINGS, overwrite=True):
                raise AssertionError
    write_rows(tmp_path, 1)


def test_an_output_folder_that_cannot_be_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="output folder .*file/out' cannot be written"):
        write_rows(tmp_path / "file" / "out", 1)


@pytest.mark.parametrize("block", [1, 7, 1 << 16])
def test_half_a_last_row_is_cut_off(tmp_path, monkeypatch, block):
    monkeypatch.setattr("scratch_d2.inspection.rows.BLOCK", block)
    rows = write_rows(tmp_path, 3)
    whole = rows.path.read_bytes()
    for cut, left in ((0, 3), (1, 2), (120, 2), (len(whole) - 3, 0)):
        rows.path.write_bytes(whole[: len(whole) - cut])
        rows.repair()
        assert [row["image_id"] for row in rows] == list(range(left))
    rows.keep(0)
    assert rows.path.read_bytes() == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full, which is always full")
def test_a_full_disk_is_named_and_the_rows_before_are_safe():
    with pytest.raises(OSError, match="'/dev/full' cannot be written: No space left.*--resume"):
        RowFile("/dev/full").append([{"image_id": 0}])


def test_a_broken_line_is_named(tmp_path):
    rows = write_rows(tmp_path, 2)
    rows.path.write_text(json.dumps({"a": 1}) + "\n{\n")
    with pytest.raises(ValueError, match="results.jsonl, line 2: not JSON"):
        list(rows)


def test_watched_files_are_known_by_their_stamps(tmp_path):
    sources = [InputFile(tmp_path / "a.png", (7, 10**18)), InputFile(tmp_path / "b.png")]
    with open_results(tmp_path, SETTINGS) as rows:
        rows.append([error_row(index, source, "") for index, source in enumerate(sources)])
        assert read_taken(rows) == (2, {fingerprint(sources[0])})


def test_files_that_can_be_read_now_lose_their_error_row_and_come_first(tmp_path, caplog):
    names = [str(tmp_path / f"{index}.png") for index in range(4)]
    for name in names[1:]:
        save(photograph(True), Path(name))
    sources = [InputFile(Path(name)) for name in names]
    with open_results(tmp_path, SETTINGS) as rows:
        rows.append([error_row(index, source, "x") for index, source in enumerate(sources[:2])])
        rows.append([{"image_id": 2, "file": names[2], "status": "ok"}])
        following, left = skip_done(rows, sources, batch_size=1)
        assert [source.path.name for source in left] == ["1.png", "3.png"] and following == 3
        assert [row["image_id"] for row in rows] == [0, 2]  # the first file is still missing
        assert "inspecting 1 file again" in caplog.text
        rows.append([{"image_id": 3, "file": names[1], "status": "ok"}])
        following, left = skip_done(rows, sources, batch_size=1)
        assert [source.path.name for source in left] == ["3.png"] and following == 4


def test_a_watch_takes_files_again_that_can_be_read_now(tmp_path):
    path = save(photograph(True), tmp_path / "a.png")
    with open_results(tmp_path, SETTINGS) as rows:
        rows.append([error_row(0, InputFile(path, (7, 10**18, 5, 9)), "x")])
        assert read_taken(rows) == (1, set()) and list(rows) == []
