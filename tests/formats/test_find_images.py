"""Images are found below the named folders, from wherever the command runs, and nowhere else."""

from pathlib import Path

import pytest

from scratch_d2.formats.find_images import ImageFinder, NotFound
from scratch_d2.formats.importing import import_labels
from scratch_d2.formats.values import LabelledImage
from tests.formats import sets


def find(source, name, folder, **more):
    return ImageFinder(source, **more).find(LabelledImage(name, "labels", folder))


@pytest.mark.parametrize("source", ["set", "./set", "set/labels/..", "../x/set", ".", ".."])
def test_names_are_paths_from_the_labels(tmp_path, monkeypatch, source):
    top = tmp_path / "top" / "x"
    sets.write_images(top / "set/images", ("a",))
    sets.write_images(tmp_path, ("out",))
    monkeypatch.chdir(top)
    root, labels = Path(source), Path("set/labels")
    labels.mkdir()
    assert find(root, "../images/a.png", labels).samefile("set/images/a.png")
    for name in ("../../../../out.png", "/out.png", str(tmp_path / "out.png")):
        with pytest.raises(NotFound, match="leads out of the folder"):
            find(root, name, labels)


def test_a_folder_of_images_may_be_reached_from_the_labels(tmp_path):
    sets.write_images(tmp_path / "images", ("a",))
    labels = tmp_path / "labels"
    labels.mkdir()
    with pytest.raises(NotFound, match="or that of the images with --images"):
        find(labels, "../images/a.png", labels)
    found = find(labels, "../images/a.png", labels, images=tmp_path / "images")
    assert found == tmp_path / "images/a.png"


def test_a_folder_with_a_longer_name_is_outside(tmp_path):
    sets.write_images(tmp_path / "set-private", ("a",))
    sets.write_images(tmp_path / "set", ("b",))
    with pytest.raises(NotFound, match="leads out of the folder"):
        find(tmp_path / "set", "../set-private/a.png", tmp_path / "set")


@pytest.mark.parametrize("name", ["train/a.png", "a.png"])
def test_a_name_may_be_the_end_of_a_path(tmp_path, name):
    sets.write_images(tmp_path / "photographs/train", ("a",))
    assert find(tmp_path, name, tmp_path) == tmp_path / "photographs/train/a.png"


def test_linked_photographs_are_imported_as_files(tmp_path):
    file = sets.coco(tmp_path / "set")
    (tmp_path / "set/images/clean.png").rename(tmp_path / "clean.png")
    (tmp_path / "set/images/clean.png").symlink_to(tmp_path / "clean.png")
    import_labels(file, tmp_path / "out")
    written = tmp_path / "out/good/clean.png"
    assert not written.is_symlink() and written.samefile(tmp_path / "clean.png")


def test_a_relative_source_keeps_the_folders_of_its_images(tmp_path, monkeypatch):
    sets.yolo(tmp_path / "set")
    monkeypatch.chdir(tmp_path / "set")
    import_labels(Path("."), tmp_path / "out", unlabelled="skip")
    assert (tmp_path / "out/bad/train/boxed.png").is_file()
