"""images.csv: kinds of defects and groups that the user names."""

import pytest

from scratch_d2.data.catalog import find_dataset_dicts
from scratch_d2.data.images_file import ImageLabels, write_image_labels
from scratch_d2.data.records import scan_folder
from tests.builders import write_dataset


@pytest.fixture
def folder(tmp_path):
    """Two Good labels and three Bad ones, one of them in bad/dent/."""
    root = write_dataset(tmp_path / "labels", good=2, bad=3)
    for kind, suffix in (("bad", "bad2.png"), ("masks", "bad2.png")):
        (root / kind / "dent").mkdir()
        (root / kind / suffix).rename(root / kind / "dent" / suffix)
    return root


def described(root):
    return {r.image.name: (r.kind, r.group) for r in scan_folder(root, duplicate_distance=-1)[0]}


def test_the_table_names_kinds_and_groups(folder):
    labels = {
        "bad/bad0.png": ImageLabels("crack", "part7"),
        "good/good0.png": ImageLabels("", "part7"),
        "bad/dent/bad2.png": ImageLabels("", "part8"),
    }
    write_image_labels(labels, folder)
    assert described(folder) == {
        "bad0.png": ("crack", "part7"),
        "bad1.png": ("", "bad1"),
        "bad2.png": ("dent", "part8"),  # the folder's where the table names none
        "good0.png": ("", "part7"),
        "good1.png": ("", "good1"),
    }
    kinds = {d["file_name"][-8:]: d["kind"] for d in find_dataset_dicts(str(folder))}
    assert kinds["bad0.png"] == "crack" and kinds["bad2.png"] == "dent"


def test_without_a_table_a_subfolder_of_bad_is_a_kind(folder):
    kinds = {name: kind for name, (kind, _) in described(folder).items()}
    assert kinds == {name: "dent" if name == "bad2.png" else "" for name in kinds}


def test_one_column_is_enough_and_excel_may_have_written_it(folder):
    (folder / "images.csv").write_text("\ufefffile;group\r\nbad/bad0.png;a\r\n", "utf-8")
    assert described(folder)["bad0.png"] == ("", "a")


def test_a_row_without_an_image_is_named(folder):
    (folder / "images.csv").write_text("file,kind\nbad/none.png,crack\nbad/bad0.png,crack\n")
    records, report = scan_folder(folder)
    said = f"{folder / 'images.csv'}, line 2: 'bad/none.png' is no readable image"
    assert [note for note in report.notes if note.startswith(said)]
    assert {r.image.name: r.kind for r in records}["bad0.png"] == "crack"


@pytest.mark.parametrize("text", ["", "file\nbad/bad0.png\n", "name,kind\nbad/bad0.png,crack\n"])
def test_a_table_of_another_kind_is_refused(folder, text):
    (folder / "images.csv").write_text(text)
    with pytest.raises(ValueError, match="images.csv.*accepted is a table with the column file"):
        scan_folder(folder)
