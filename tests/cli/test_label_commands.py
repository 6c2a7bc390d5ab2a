"""scratch-d2 import and export-labels: options, what is printed, exit codes."""

import json

import pytest

from scratch_d2.cli import export_labels, import_labels
from scratch_d2.formats.importing import UNLABELLED
from scratch_d2.formats.table import AUTO, READERS, WRITERS
from scratch_d2.utils.counting import count_of
from tests.builders import write_dataset
from tests.commands import run_command
from tests.formats import sets


def test_the_commands_know_the_formats_of_the_package():
    assert import_labels.FORMATS == (AUTO, *READERS)
    assert import_labels.UNLABELLED == UNLABELLED
    assert export_labels.FORMATS == tuple(WRITERS)


def test_an_import_prints_what_it_did_and_writes_it_down(tmp_path):
    file = sets.coco(tmp_path / "set", segmentation=[[80, 50, 200, 50, 200, 300]])
    done = run_command("import", file, "--out", tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "3 photographs: 1 Good, 2 Bad; of the Bad ones 1 have a mask, 1 have boxes, 0 have neither",
        "2 scratches: 1 clipped at the edge of their image, 0 with an outline that crosses itself",
        "left out: 0 photographs, 0 labels, 0 photographs without labels, 0 that no labels name",
        "3 hard links, 0 copies, 0 renamed",
        f"written: {tmp_path / 'out'}",
    ]
    report = json.loads((tmp_path / "out/import.json").read_text())
    assert (report["bad"], report["clipped"], report["left_out"]) == (2, 1, [])


def test_many_sentences_are_cut_short(tmp_path):
    file = sets.coco(tmp_path / "set")
    content = json.loads(file.read_text())
    first = content["images"][0]
    content["images"] += [{**first, "id": n, "file_name": f"{n}.png"} for n in range(10, 40)]
    file.write_text(json.dumps(content))
    done = run_command("import", file, "--out", tmp_path / "out")
    assert done.returncode == 3
    assert "left out: 10 more, all in import.json" in done.stdout
    assert done.stdout.count("is not there") == 20
    report = json.loads((tmp_path / "out/import.json").read_text())
    assert len(report["left_out"]) == 30


def test_classes_are_named_in_options(tmp_path):
    root = sets.mvtec(tmp_path / "set")
    (root / "test/scratch").rename(root / "test/Kratzer")
    (root / "ground_truth/scratch").rename(root / "ground_truth/Kratzer")
    names = ("--scratch", "scratch,kratzer", "--good", "good")
    done = run_command("import", root, "--out", tmp_path / "out", *names)
    assert done.returncode == 0 and "1 Good, 2 Bad" in done.stdout
    done = run_command("import", root, "--out", tmp_path / "any", "--scratch", "*")
    assert done.returncode == 0 and "1 Good, 2 Bad" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("none",), 2, "source 'none': no such file or folder"),
        (("set.zip",), 2, "source 'set.zip' is an archive; unpack it first"),
        (("set", "--good", "scratch"), 2, "the class 'scratch' is given for"),
        (("set", "--images", "none"), 2, "images 'none': no such folder"),
        (("set", "--format", "pascal"), 2, "invalid choice: 'pascal'"),
        (("set/annotations.json", "--format", "mvtec"), 2, "of mvtec a folder is expected"),
        (("empty",), 2, "no labels are found in it; name its --format"),
        (("both",), 2, "it may be coco or cvat; name its --format"),
    ],
)
def test_wrong_usage_is_explained(tmp_path, arguments, code, said):
    sets.coco(tmp_path / "set")
    sets.write_text(tmp_path / "set.zip", "PK")
    (tmp_path / "empty").mkdir()
    sets.cvat(tmp_path / "both")
    sets.coco(tmp_path / "both")
    done = run_command("import", *arguments, "--out", "out", cwd=tmp_path)
    assert done.returncode == code and said in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_import_without_any_image_exits_with_4(tmp_path):
    file = sets.write_text(tmp_path / "a.json", {"images": [], "categories": []})
    done = run_command("import", file, "--out", tmp_path / "out")
    assert done.returncode == 4
    assert f"{file}: no labels of the format coco are in it" in done.stdout
    assert "nothing was written to" in done.stdout


def test_a_named_dataset_is_exported(tmp_path):
    from tests.builders import write_dataset

    write_dataset(tmp_path / "labels", good=2, bad=1)
    keys = ("SCRATCH.DATA_ROOT", tmp_path / "labels")
    done = run_command(
        "export-labels", "scratch_text_all", *keys, "--format", "coco", "--out", tmp_path / "out"
    )
    assert done.returncode == 0
    assert f"3 photographs with 1 marked regions: {tmp_path / 'out'}; 0 left out" in done.stdout


def test_two_sources_are_refused(tmp_path):
    done = run_command("export-labels", "a", "b", "--format", "coco", "--out", tmp_path / "out")
    assert done.returncode == 2 and "one SOURCE is expected; 'b' is another" in done.stderr


def test_only_marked_scratches_are_counted(tmp_path):
    labels = write_dataset(tmp_path / "labels", good=1, bad=2)
    (labels / "masks/bad1.png").unlink()
    done = run_command("coco", "--root", labels, "--output", tmp_path / "labels.json")
    marked = len(json.loads((tmp_path / "labels.json").read_text())["annotations"])
    assert (
        f"3 photographs, {count_of(marked - 1, 'scratch', 'scratches')}, 1 Bad without"
        in done.stdout
    )
