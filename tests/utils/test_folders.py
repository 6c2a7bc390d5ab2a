import os

import pytest

from scratch_d2.data.images import try_read
from scratch_d2.utils.folders import describe_left_out, walk_images


@pytest.fixture
def tree(tmp_path):
    for name in ("b/2.JPG", "b/1.png", "a.heic", "b/deep/3.gif", "b/.hidden/5.png", "b/n.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def names(top, **options) -> list[str]:
    return [str(path.relative_to(top)) for path in walk_images(top, **options)]


def test_files_come_in_order_and_what_is_left_out_is_listed(tree):
    left_out = []
    found = names(tree, left_out=left_out)
    assert found == ["a.heic", "b/1.png", "b/2.JPG", "b/deep/3.gif"]
    assert describe_left_out("x", left_out) == "x: 1 file is not used (1 .txt), like n.txt"
    assert describe_left_out("x", []) == ""


def test_linked_folders_are_walked_once_and_last(tree, tmp_path_factory):
    away = tmp_path_factory.mktemp("away")
    (away / "far.png").touch()
    for link, target in (("0", away), ("z", away), ("b/up", tree), ("b/deep/same", tree / "b")):
        (tree / link).symlink_to(target, target_is_directory=True)
    (away / "back").symlink_to(tree, target_is_directory=True)
    expected = ["a.heic", "b/1.png", "b/2.JPG", "b/deep/3.gif", "0/far.png"]
    assert names(tree) == expected
    assert names(tree, closed=[away]) == expected[:-1]


def test_a_folder_that_cannot_be_entered_is_yielded_and_says_why(tree, monkeypatch):
    scandir = os.scandir

    def refuse(path="."):
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr("os.scandir", refuse)
    assert names(tree) == ["a.heic", "b/1.png", "b/2.JPG", "b/deep"]
    assert try_read(tree / "b/deep").error.endswith("deep': cannot be read (Permission denied)")
