import sys
from dataclasses import replace
from pathlib import Path

import pytest

from scratch_d2.inspection.inputs import find_files
from scratch_d2.inspection.predict import predict_files
from scratch_d2.inspection.rows import RowFile
from scratch_d2.utils.remote import RemotePath, list_images, read_bytes, to_path
from tests.inspection.fakes import EVERYTHING, bright_inspector, write_files

fsspec = pytest.importorskip("fsspec", reason="fsspec is missing, run `pip install fsspec`")


@pytest.fixture
def bucket(tmp_path) -> str:
    """An address with five photographs and one that nobody can read, one more in a subfolder."""
    memory = fsspec.filesystem("memory")
    memory.put(str(write_files(tmp_path / "in")), "/bucket/labels", recursive=True)
    memory.pipe("/bucket/labels/below/one.png", next((tmp_path / "in").iterdir()).read_bytes())
    memory.pipe("/bucket/labels/notes.txt", b"no photograph")
    yield "memory://bucket/labels"
    memory.rm("/bucket", recursive=True)


def run(address, output, **changes):
    sources = find_files([address])
    summary, _ = predict_files(bright_inspector(), sources, output, replace(EVERYTHING, **changes))
    return summary, list(RowFile(output / "results.jsonl"))


def test_images_below_an_address_are_inspected_and_repaired_ones_again(tmp_path, bucket):
    summary, rows = run(bucket, tmp_path / "out")
    assert summary["images"] == 7 and all(row["file"].startswith("memory://") for row in rows)
    assert [Path(row["file"]).name for row in rows][:2] == ["one.png", "broken.png"]
    assert "broken.png': the file is empty (0 bytes)" in rows[1]["error"]
    bad = next(row for row in rows if row.get("verdict") == "bad")
    assert (tmp_path / "out" / bad["overlay"]).is_file() and bad["area"] == 600.0
    whole = (tmp_path / "in" / "image 1\nü.png").read_bytes()
    fsspec.filesystem("memory").pipe("/bucket/labels/broken.png", whole)
    _, rows = run(bucket, tmp_path / "out", resume=True)
    assert [row["status"] for row in rows] == ["ok"] * 7


def test_addresses_may_be_mixed_with_files_and_come_from_stdin(tmp_path, bucket):
    names = [f"{bucket}/broken.png", f"{bucket}/gone.png"]
    sources = list(find_files([*names[:1], str(tmp_path / "in"), names[0]]))
    assert len(sources) == 7 and sources[0].path == RemotePath("memory:///bucket/labels/broken.png")
    (tmp_path / "list.txt").write_text("\n".join(names))
    with open(tmp_path / "list.txt") as lines:
        assert [str(file.path) for file in find_files(["-"], lines)] == names


def test_what_cannot_be_read_is_named():
    with pytest.raises(OSError, match="'memory://gone.png': cannot be read .FileNotFoundError"):
        read_bytes(RemotePath("memory://gone.png"), 9)
    fsspec.filesystem("memory").pipe("/large.png", b"x" * 10)
    with pytest.raises(OSError, match="large.png': more than 9 bytes"):
        read_bytes(RemotePath("memory://large.png"), 9)
    with pytest.raises(FileNotFoundError, match="input 'memory://nothing' holds no image"):
        find_files(["memory://nothing"])
    with pytest.raises(ValueError, match="address 'xyz://a' cannot be opened"):
        list(list_images("xyz://a"))


def test_a_missing_fsspec_is_named_with_its_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(ImportError, match=r"needs fsspec: pip install 'scratch_d2\[ray\]'"):
        list(list_images("s3://bucket"))


@pytest.mark.parametrize(("text", "stem"), [("s3://a/b/c d.png", "c d"), ("/a/b.png", "b")])
def test_the_stem_names_the_pictures(text, stem):
    assert to_path(text).stem == stem and str(to_path(text)) == text
