"""From results to a folder of photographs to label."""

import csv
import json
import os
import shutil
from pathlib import Path

import pytest

from scratch_d2.data.split import write_splits
from scratch_d2.selection import run as selecting
from scratch_d2.selection.run import Options, format_selection, select_photographs
from tests.builders import save
from tests.commands import run_command
from tests.gate.gates import save_gate
from tests.selection.runs import (
    CLEAR,
    ColourGate,
    ok_row,
    photograph,
    write_photographs,
    write_run,
)

NEAR = (500.0, 0.5)


@pytest.fixture
def gate(tmp_path, monkeypatch) -> Path:
    """The path of weights that are a `ColourGate`."""
    monkeypatch.setattr(selecting, "load_embedder", lambda weights: ColourGate())
    return tmp_path / "gate" / "gate.pth"


def read_csv(folder: Path) -> list[dict[str, str]]:
    with open(folder / "selection.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_photographs_are_linked_and_listed_with_reasons(gate, tmp_path):
    files = write_photographs(tmp_path / "new", 4)
    rows = [ok_row(file, *(NEAR if index == 2 else CLEAR)) for index, file in enumerate(files)]
    results, output = write_run(tmp_path / "results", rows, gate), tmp_path / "to_label"
    made = select_photographs(results, output, Options(count=2))
    assert len(made.choices) == 2 and made.unreadable == []
    first = read_csv(output)[0]
    assert first["file"] == "unlabelled/0002.png" and first["source"] == str(files[2])
    assert first["reason"].startswith("near the area limit") and first["rank"] == "1"
    assert (first["p_bad"], first["area"], first["verdict"]) == ("0.5", "500", "good")
    assert os.path.samefile(output / first["file"], files[2])
    assert len(list((output / "unlabelled").iterdir())) == 2
    assert "1  near the area limit\n" in format_selection(made)


def test_a_burst_and_its_labelled_shots_give_one(gate, tmp_path):
    times = ["00_00.0", "00_09.0", "10_00.0", "20_00.0"]
    new = [tmp_path / "new" / f"03_08_2024_16_{time}_input.png" for time in times]
    for seed, file in enumerate(new):
        save(photograph(seed), file)
    done = tmp_path / "labels" / "good" / "03_08_2024_16_19_50.0_input.png"
    save(photograph(9), done)  # ten seconds before the last
    save(photograph(2), done.with_name("copy.png"))  # shows what the third shows
    results = write_run(tmp_path / "results", [ok_row(file, *NEAR) for file in new], gate)
    options = Options(count=4, labelled=[str(tmp_path / "labels")])
    made = select_photographs(results, tmp_path / "out", options)
    assert [made.candidates.files[choice.index] for choice in made.choices] == [new[0]]
    said = format_selection(made)
    assert "2 photographs have a label" in said and "2 show a label that has one already" in said
    assert "only 1 of 4 could be chosen: 2 photographs without a label show 1 labels" in said


def test_what_looks_like_the_training_images_comes_last(gate, tmp_path):
    red, blue = (220, 30, 30), (30, 30, 220)
    new = [
        save(photograph(seed, colour), tmp_path / "new" / f"{seed}.png")
        for seed, colour in enumerate([red, red, blue])
    ]
    trained = [save(photograph(seed, red), tmp_path / "old" / f"{seed}.png") for seed in (7, 8)]
    files = [*trained, tmp_path / "gone.png"]
    known = [
        {"file": str(f), "verdict": "good", "group": "", "sha256": str(n), "phash": f"{n:064x}"}
        for n, f in enumerate(files)
    ]
    gate.parent.mkdir()
    write_splits({"train": known}, gate.parent / "splits.json", {})
    results = write_run(tmp_path / "results", [ok_row(file, *NEAR) for file in new], gate)
    made = select_photographs(results, tmp_path / "out", Options(count=3))
    assert [choice.index for choice in made.choices][0] == 2
    assert made.choices[0].score > 10 * made.choices[1].score
    assert (
        "3 photographs have a label" in made.notes[0] and "1 of them are not there" in made.notes[0]
    )


def test_names_of_several_folders_do_not_collide(gate, tmp_path):
    files = [*write_photographs(tmp_path / "a", 2), *write_photographs(tmp_path / "b", 1)]
    save(photograph(5), files[2])
    results = write_run(tmp_path / "results", [ok_row(file, *NEAR) for file in files], gate)
    select_photographs(results, tmp_path / "out", Options())
    rows = {row["source"]: tmp_path / "out" / row["file"] for row in read_csv(tmp_path / "out")}
    assert len(rows) == 3 and len({path.stem for path in rows.values()}) == 3
    assert all(Path(source).read_bytes() == rows[source].read_bytes() for source in rows)


def test_copies_where_links_cannot_be_made(gate, tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    files = write_photographs(tmp_path / "new", 1)
    results = write_run(tmp_path / "results", [ok_row(files[0], *NEAR)], gate)
    select_photographs(results, tmp_path / "out", Options())
    copy = tmp_path / "out" / "unlabelled" / "0000.png"
    assert copy.read_bytes() == files[0].read_bytes() and not os.path.samefile(copy, files[0])


@pytest.fixture
def trained_run(tmp_path) -> Path:
    """Results on four photographs by a gate with random weights."""
    save_gate(tmp_path / "gate.pth")
    files = write_photographs(tmp_path / "new", 4)
    rows = [ok_row(file, *NEAR) for file in files]
    rows += [{"file": "x.png", "status": "error", "error": "'x.png': damaged"}]
    return write_run(tmp_path / "results", rows, tmp_path / "gate.pth")


def test_missing_photographs_are_listed_and_the_others_chosen(trained_run, tmp_path):
    os.remove(tmp_path / "new" / "0001.png")
    done = run_command("select", trained_run, "--count", 3, "--out", tmp_path / "out")
    assert done.returncode == 3, done.stderr
    assert "unreadable: 'x.png': damaged\n" in done.stdout
    assert "0001.png': no such image file\n" in done.stdout
    assert "written: 3 photographs in " in done.stdout
    names = {row["file"] for row in read_csv(tmp_path / "out")}
    assert names == {f"unlabelled/{n:04d}.png" for n in (0, 2, 3)}
    shutil.rmtree(tmp_path / "new")
    done = run_command("select", trained_run, "--out", tmp_path / "none")
    assert done.returncode == 4 and not (tmp_path / "none").exists()


def test_a_selection_is_never_overwritten(trained_run, tmp_path):
    assert run_command("select", trained_run, "--out", tmp_path / "out").returncode == 3
    before = (tmp_path / "out" / "selection.csv").read_bytes()
    done = run_command("select", trained_run, "--count", 1, "--out", tmp_path / "out")
    assert done.returncode == 2 and "nothing is overwritten" in done.stderr
    assert (tmp_path / "out" / "selection.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        ("nothing", ["--count", "0"], "count is 0; accepted is 1 or more"),
        ("nothing", ["--pool", "9"], "pool is 9; accepted is the count, 50, or more"),
        ("nothing", ["--labelled", "nowhere"], "'nowhere' is neither a folder nor"),
        ("nothing", ["--gate", "no.pth"], "gate 'no.pth', which made these results, is not there"),
        ("settings.json", [], "holds no settings.json; name the output folder"),
        ({"p_bad": None}, [], "line 1: '0.png' has no score of the gate"),
        ({"p_bad": 1.5}, [], "line 1: not a row of results (p_bad is 1.5)"),
        ({"verdict": "fine"}, [], "verdict is 'fine'"),
        ({"status": None}, [], "line 1: the row lacks 'status'"),
    ],
)
def test_what_cannot_be_used_is_named(trained_run, tmp_path, change, options, said):
    if change == "settings.json":
        os.remove(trained_run / change)
    elif change != "nothing":
        row = {**ok_row(Path("0.png"), *NEAR), **change}
        row = {key: value for key, value in row.items() if key != "status" or value}
        (trained_run / "results.jsonl").write_text(json.dumps(row) + "\n")
    done = run_command("select", trained_run, "--out", tmp_path / "out", *options)
    assert done.returncode == 2 and said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and not (tmp_path / "out").exists()


def test_the_gate_of_a_bundle_is_refused_with_what_to_name(tmp_path):
    (tmp_path / "gate.onnx").touch()
    with pytest.raises(ValueError, match="bundle made these results, .* with --gate"):
        selecting.load_embedder(tmp_path / "gate.onnx")
