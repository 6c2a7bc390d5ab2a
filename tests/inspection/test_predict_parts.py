"""Prediction in parts: at addresses and in folders, interrupted, resumed, and merged."""

import errno
import importlib.util
import os
import re
import signal
import threading
from dataclasses import replace
from functools import partial

import pytest

from scratch_d2.inspection import address_lock
from scratch_d2.inspection.cluster import connected
from scratch_d2.inspection.inputs import find_files
from scratch_d2.inspection.merging_parts import merge_parts
from scratch_d2.inspection.parts import PartName, PartStore
from scratch_d2.inspection.predict import predict_files
from scratch_d2.inspection.predict_parts import predict_in_parts
from scratch_d2.inspection.worker import Worker
from tests.inspection.fakes import EVERYTHING, bright_inspector, slow_inspector, write_files

fsspec = pytest.importorskip("fsspec", reason="missing, run `pip install fsspec`")
pytest.importorskip("pyarrow", reason="missing, run `pip install pyarrow`")
TIMESTAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00")
ADDRESS = "memory://results"


class HereCrew:
    """A crew of one worker, in this process; it may be stopped after some parts."""

    def __init__(self, store, most=10**6, options=EVERYTHING):
        self.worker, self.most, self.inspected = Worker(bright_inspector, options, store), most, []

    def begin(self):
        return self.worker.begin()

    def run(self, parts, deliver):
        for part in parts:
            if len(self.inspected) == self.most:
                raise KeyboardInterrupt
            result = self.worker.inspect(part)
            self.inspected.append(result.name.number)
            deliver(result)


def run(folder, store, most=10**6, **changes):
    """Inspect in parts of four images; returns the summary, and the parts that were inspected."""
    options = replace(EVERYTHING, **changes)
    crew, sources = HereCrew(store, most, options), find_files([str(folder)])
    return predict_in_parts(crew, sources, store, options, part_size=3)[0], crew.inspected


def files_of(folder):
    return {
        str(path.relative_to(folder)): TIMESTAMP.sub(b"now", path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


@pytest.fixture
def store():
    yield PartStore(ADDRESS)
    memory = fsspec.filesystem("memory")
    if memory.exists("/results"):
        memory.rm("/results", recursive=True)


@pytest.fixture
def whole(tmp_path):
    """The results of a run that is not in parts, over nine files."""
    sources = find_files([str(write_files(tmp_path / "in", 8))])
    predict_files(bright_inspector(), sources, tmp_path / "whole", EVERYTHING)
    return tmp_path / "whole"


@pytest.mark.parametrize("place", [ADDRESS, "folder", "file://folder"])
def test_merged_parts_are_an_unbroken_run(tmp_path, whole, store, place):
    place = place.replace("folder", str(tmp_path / "parts"))
    store = PartStore(place)
    summary, inspected = run(tmp_path / "in", store)
    assert (summary["images"], len(summary["unreadable"]), inspected) == (9, 1, [0, 1, 2])
    assert merge_parts(place, tmp_path / "merged")["verdicts"] == summary["verdicts"]
    assert files_of(tmp_path / "merged") == files_of(whole)
    assert [len(store.read_part(name)) for name in store.names()] == [4, 4, 1]


def test_an_interrupted_run_is_completed_by_the_parts_that_are_missing(tmp_path, whole, store):
    with pytest.raises(KeyboardInterrupt, match="the 2 parts in memory://results are complete"):
        run(tmp_path / "in", store, most=2)
    with pytest.raises(FileNotFoundError, match="no summary.json, as a run that is not finished"):
        merge_parts(ADDRESS, tmp_path / "merged")
    store._system.rm(f"/results/rows/{store.names()[0]}")
    assert run(tmp_path / "in", store, resume=True)[1] == [0, 2]
    assert run(tmp_path / "in", store, resume=True)[1] == []
    merge_parts(ADDRESS, tmp_path / "merged")
    assert files_of(tmp_path / "merged") == files_of(whole)


def test_results_of_another_run_are_refused_or_replaced(tmp_path, whole, store):
    run(tmp_path / "in", store)
    with pytest.raises(FileExistsError, match="already holds results; pass --resume"):
        run(tmp_path / "in", store)
    with pytest.raises(ValueError, match="results with batch_size = 2, now it is 4; pass --over"):
        run(tmp_path / "in", store, resume=True, batch_size=4)
    (tmp_path / "in" / "broken.png").rename(tmp_path / "in" / "zz.png")
    with pytest.raises(ValueError, match="inputs have changed .*part 0 was made of other files"):
        run(tmp_path / "in", store, resume=True)
    for path in sorted((tmp_path / "in").iterdir())[4:]:
        path.unlink()
    summary, inspected = run(tmp_path / "in", store, overwrite=True)
    assert (summary["images"], inspected, len(store.names())) == (4, [0], 1)


def test_a_part_that_is_gone_or_damaged_is_named(tmp_path, whole, store):
    run(tmp_path / "in", store)
    second = f"/results/rows/{store.names()[1]}"
    store._system.pipe(second, b"PAR1")
    with pytest.raises(OSError, match=r"/part-00000001-\w+.parquet cannot be read: .*remove it"):
        merge_parts(ADDRESS, tmp_path / "merged")
    store._system.rm(second)
    with pytest.raises(FileNotFoundError, match="lack part 1; complete them with --resume"):
        merge_parts(ADDRESS, tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("place", [ADDRESS, "folder"])
def test_a_full_disk_is_named_and_what_is_there_is_whole(
    tmp_path, whole, store, place, monkeypatch
):
    store, real = PartStore(place.replace("folder", str(tmp_path / "parts"))), PartStore.write_part

    def write_part(self, name, rows):
        if name.number == 1:
            full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            monkeypatch.setattr(self._system, "pipe_file", lambda *_: (_ for _ in ()).throw(full))
            monkeypatch.setattr(self._system, "mv", lambda *_: (_ for _ in ()).throw(full))
        real(self, name, rows)

    monkeypatch.setattr(PartStore, "write_part", write_part)
    with pytest.raises(OSError, match="parquet cannot be written: No space left on device; the pa"):
        run(tmp_path / "in", store)
    monkeypatch.undo()
    assert [name.number for name in store.names()] == [0]
    assert not [path for path in tmp_path.rglob("*.part")]
    assert run(tmp_path / "in", store, resume=True)[0]["images"] == 9


def test_a_folder_that_only_the_worker_sees_is_noticed(tmp_path, whole, store, monkeypatch):
    monkeypatch.setattr(PartStore, "has", lambda *_: False)
    with pytest.raises(OSError, match="it is not there; --output must be an address, or a folder"):
        run(tmp_path / "in", store)


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_two_runs_in_one_folder_are_refused(tmp_path, whole, scheme):
    store = PartStore(scheme + str(tmp_path / "parts"))
    store.prepare()
    with store.locked(), pytest.raises(OSError, match="is being written by another run"):
        run(tmp_path / "in", store)
    assert (tmp_path / "parts" / ".lock").exists()


def test_two_runs_at_one_address_are_refused(tmp_path, whole, store, monkeypatch):
    with store.locked(), pytest.raises(OSError, match="is being written by another run .on .* if "):
        run(tmp_path / "in", store)
    assert not store.exists(address_lock.NAME)
    assert run(tmp_path / "in", store)[0]["images"] == 9


def test_a_killed_run_keeps_an_address_only_for_a_while(tmp_path, whole, store, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(PartStore, "remove", lambda *_: None)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "in", store, most=1)
    with pytest.raises(OSError, match="being written by another run"):
        run(tmp_path / "in", store, resume=True)
    monkeypatch.setattr(address_lock, "GONE", 0.0)
    assert run(tmp_path / "in", store, resume=True)[1] == [1, 2]


def test_a_run_renews_its_mark(store, monkeypatch):
    monkeypatch.setattr(address_lock, "REFRESHED", 0.001)
    store.prepare()
    marked, write = threading.Semaphore(0), store.write
    store.write = lambda *args: (write(*args), marked.release())
    with address_lock.held(store):
        assert all(marked.acquire(timeout=30) for _ in range(3))


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file/out': cannot be written: Not a directory; name anoth"):
        PartStore(str(tmp_path / "file" / "out")).prepare()
    with pytest.raises(ValueError, match="address 'xyz://a' cannot be opened"):
        PartStore("xyz://a")


def test_the_name_of_a_part_depends_on_its_files():
    files = list(find_files(["-"], ["a.png\n", "b.png\n"]))
    assert PartName.of(3, files) != PartName.of(3, files[:1])
    assert str(PartName.of(3, files)).startswith("part-00000003-")


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is missing")
def test_a_run_on_ray_whose_worker_is_killed_loses_nothing(tmp_path, whole):
    """One of two workers is killed at work; then the driver stops, and a second run resumes."""
    (tmp_path / "pids").mkdir()
    load, store = partial(slow_inspector, tmp_path / "pids"), PartStore(str(tmp_path / "parts"))

    def has(name):
        pids = [int(path.name) for path in (tmp_path / "pids").iterdir()]
        if name.number == 0:
            os.kill(pids[0], signal.SIGKILL)
        if name.number == 1:
            raise KeyboardInterrupt
        return True

    def run_on_ray(**changes):
        options = replace(EVERYTHING, **changes)
        with connected("local", load, options, 2, PartStore(store.place)) as crew:
            sources = find_files([str(tmp_path / "in")])
            return predict_in_parts(crew, sources, store, options, part_size=2)[0]

    store.has = has
    with pytest.raises(KeyboardInterrupt, match="parts in .* are complete, --resume"):
        run_on_ray()
    del store.has
    assert run_on_ray(resume=True)["images"] == 9
    merge_parts(store.place, tmp_path / "merged")
    assert files_of(tmp_path / "merged") == files_of(whole)
