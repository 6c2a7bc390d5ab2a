import io
import os

import numpy as np
import pytest

from scratch_d2.data.catalog import find_dataset_dicts
from scratch_d2.inspection.inputs import count_files, find_files, in_batches
from tests.builders import save, write_dataset


def names(found) -> list[str]:
    return [source.path.name for source in found]


@pytest.fixture
def tree(tmp_path):
    for name in ("b/2.JPG", "b/1.png", "a.png", "b/deep/3.png", "b/.hidden/5.png", "b/.6.png"):
        save(np.zeros((4, 4, 3), np.uint8), tmp_path / name)
    (tmp_path / "b" / "notes.txt").touch()
    return tmp_path


def test_a_folder_stands_for_all_images_below_it(tree):
    assert names(find_files([str(tree / "b")])) == ["1.png", "2.JPG", "3.png"]
    assert names(find_files([str(tree)])) == ["a.png", "1.png", "2.JPG", "3.png"]
    assert count_files([str(tree)]) == 4


def test_inputs_may_be_mixed_and_each_file_comes_once(tree):
    pattern, folder = str(tree / "**" / "*.png"), str(tree / "b")
    assert names(find_files([folder, pattern, folder])) == ["1.png", "2.JPG", "3.png", "a.png"]
    assert names(find_files([str(tree / "b" / "notes.txt")])) == ["notes.txt"]
    assert names(find_files([str(tree / "b" / "?.png")])) == ["1.png"]
    twice = str(tree / "**" / "**" / "*.png")
    assert names(find_files([twice])) == ["a.png", "1.png", "3.png"]
    assert count_files([twice]) == 3


def test_masks_and_former_results_are_no_photographs(tree):
    for name in ("set/Good/1.png", "set/masks/1.png", "out/overlays/1.png", "masks/7.png"):
        save(np.zeros((4, 4, 3), np.uint8), tree / name)
    (tree / "out" / "results.jsonl").touch()
    found = [str(s.path.relative_to(tree)) for s in find_files([str(tree)])]
    assert found[-2:] == ["masks/7.png", "set/Good/1.png"] and len(found) == 6


def test_rows_of_a_dataset_are_numbered_as_its_images(tmp_path):
    write_dataset(tmp_path)
    for name in ("bad/old/1.png", "good/old/1.png", "good/zero.png"):
        save(np.zeros((4, 4, 3), np.uint8), tmp_path / name)
    dicts = find_dataset_dicts(str(tmp_path))
    files = [str(input_file.path) for input_file in find_files([str(tmp_path)])]
    assert files == [item["file_name"] for item in sorted(dicts, key=lambda d: d["image_id"])]


def test_names_come_from_stdin(tree):
    lines = io.StringIO(f"{tree}/a.png\n\n{tree}/gone.png\r\n{tree}/a.png\n")
    assert names(find_files(["-"], lines)) == ["a.png", "gone.png"]
    assert count_files(["-", str(tree)]) is None


@pytest.mark.parametrize(
    "octets",
    [
        b"\xef\xbb\xbfa.png\r\n\xe4.png\n",
        "a.png\n\udce4.png".encode("utf-8", "surrogateescape"),
        "a.png\r\nä.png\r\n".encode("utf-16"),
    ],
    ids=["mark and Latin-1", "Latin-1", "PowerShell"],
)
def test_names_of_any_encoding_come_from_stdin(octets):
    stream = io.TextIOWrapper(io.BufferedReader(io.BytesIO(octets)), encoding="ascii")
    found = [os.fsencode(source.path) for source in find_files(["-"], stream)]
    assert found[0] == b"a.png" and found[1] in (b"\xe4.png", "ä.png".encode())
    assert len(found) == 2


def test_what_names_nothing_is_refused_before_anything_is_done(tree):
    (tree / "empty" / "inside").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="'.*nothing': no such file"):
        find_files([str(tree), str(tree / "nothing")])
    with pytest.raises(FileNotFoundError, match="'.*empty' holds no image, nor do its subfolders"):
        find_files([str(tree / "empty")])


def test_batches_are_full_but_for_the_last(tree):
    sources = list(find_files([str(tree)]))
    assert [len(batch) for batch in in_batches(sources, 3)] == [3, 1]
    assert list(in_batches([], 3)) == []


def test_photographs_beside_results_are_used_and_other_files_counted(tree, caplog):
    for name in ("results.jsonl", "summary.json"):
        (tree / name).touch()
    save(np.zeros((4, 4, 3), np.uint8), tree / "overlays/9.png")
    assert names(find_files([str(tree)])) == ["a.png", "1.png", "2.JPG", "3.png"]
    assert caplog.messages == [f"{tree}: 1 file is not used (1 .txt), like notes.txt"]
    caplog.clear()
    assert count_files([str(tree)]) == 4 and caplog.messages == []


def test_folders_that_a_pattern_matches_are_named(tree, caplog):
    assert names(find_files([str(tree / "*")])) == ["a.png"]
    assert caplog.messages[0].endswith(f"matches folders, which are not entered, like {tree}/b")
