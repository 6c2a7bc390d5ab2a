"""Prediction on Ray: on clusters of two workers, some of which are killed."""

import contextlib
import importlib.util
import os
import re
import signal
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from scratch_d2.inspection.cluster import check_reachable, connected
from scratch_d2.inspection.crew import Crew
from scratch_d2.inspection.inputs import find_files
from scratch_d2.inspection.predict import predict_files, predict_on_cluster
from scratch_d2.inspection.rows import RowFile
from tests.inspection.fakes import (
    EVERYTHING,
    bright_inspector,
    inspector_without_weights,
    slow_inspector,
    write_files,
)

TIMESTAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00")
needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="ray is missing, run `pip install ray`"
)


def run(folder, output, load, deliver=None, **changes):
    options = replace(EVERYTHING, **changes)
    with connected("local", load, options, workers=2) as crew:
        sources = find_files([str(folder)])
        return predict_on_cluster(crew, sources, output, options, deliver=deliver)[0]


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): TIMESTAMP.sub(b"now", path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


@pytest.fixture
def whole(tmp_path) -> Path:
    """Results of a run without Ray over 41 files, one of them unreadable."""
    sources = find_files([str(write_files(tmp_path / "in", 40))])
    predict_files(bright_inspector(), sources, tmp_path / "whole", EVERYTHING)
    return tmp_path / "whole"


@needs_ray
@pytest.mark.slow
def test_a_run_whose_worker_is_killed_loses_nothing(tmp_path, whole):
    (tmp_path / "pids").mkdir()
    killed = []

    def kill_one(rows):
        pids = [int(path.name) for path in (tmp_path / "pids").iterdir()]
        if not killed and len(pids) == 2:
            os.kill(pids[0], signal.SIGKILL)
            killed.append(len(rows))

    load = partial(slow_inspector, tmp_path / "pids")
    summary = run(tmp_path / "in", tmp_path / "out", load, kill_one)
    assert killed and len(list((tmp_path / "pids").iterdir())) == 3
    assert summary["images"] == 41 and len(summary["unreadable"]) == 1
    assert files_of(tmp_path / "out") == files_of(whole)


@needs_ray
@pytest.mark.slow
def test_an_interrupted_run_is_resumed_to_the_same_bytes(tmp_path, whole):
    def stop(rows):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="the 8 rows in .* are complete, --resume"):
        run(tmp_path / "in", tmp_path / "out", bright_inspector, stop)
    assert RowFile(tmp_path / "out" / "results.jsonl").count() == 8
    run(tmp_path / "in", tmp_path / "out", bright_inspector, resume=True)
    assert files_of(tmp_path / "out") == files_of(whole)


@needs_ray
@pytest.mark.slow
def test_files_that_kill_their_workers_are_named_and_earlier_rows_are_kept(tmp_path):
    (tmp_path / "pids").mkdir()
    load = partial(slow_inspector, tmp_path / "pids", deadly=True)
    write_files(tmp_path / "in", 3)
    with pytest.raises(OSError, match="3 workers died one after the other on '.*broken.png' to '"):
        run(tmp_path / "in", tmp_path / "out", load)


@needs_ray
@pytest.mark.slow
def test_a_cluster_without_a_machine_ends_the_run_and_keeps_the_rows(tmp_path, whole, monkeypatch):
    monkeypatch.setattr("scratch_d2.inspection.crew.PATIENCE", 1.0)

    def end_raylet(rows):
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == os.getpid() and b"raylet/raylet" in (folder / "cmdline").read_bytes():
                    os.kill(int(folder.name), signal.SIGTERM)

    with pytest.raises(OSError, match="the cluster has gone .*--resume continues"):
        run(tmp_path / "in", tmp_path / "out", bright_inspector, end_raylet)
    run(tmp_path / "in", tmp_path / "out", bright_inspector, resume=True)
    assert files_of(tmp_path / "out") == files_of(whole)


def test_a_connection_to_ray_that_breaks_is_the_end_of_the_cluster(monkeypatch):
    ray = pytest.importorskip("ray", reason="ray is missing, run `pip install ray`")

    def break_off(refs, timeout):
        raise ConnectionResetError("Connection reset by peer")

    monkeypatch.setattr(ray, "wait", break_off)
    worker = SimpleNamespace(begin=SimpleNamespace(remote=object))
    with pytest.raises(OSError, match=r"the cluster has gone \(Connection reset by peer\);"):
        Crew(lambda: worker, 2).begin()


def test_a_ray_that_does_not_start_is_a_sentence(monkeypatch):
    ray = pytest.importorskip("ray", reason="ray is missing, run `pip install ray`")

    def time_out(**options):
        raise Exception("The current node timed out during startup.")

    monkeypatch.setattr(ray, "init", time_out)
    with pytest.raises(ConnectionError, match="cannot be started on this machine: .*timed out"):
        with connected("local", bright_inspector, EVERYTHING):
            raise AssertionError


@needs_ray
@pytest.mark.slow
def test_what_hinders_a_worker_to_load_is_raised_here(tmp_path):
    write_files(tmp_path / "in", 1)
    with pytest.raises(FileNotFoundError, match="^no weights for the detector$"):
        run(tmp_path / "in", tmp_path / "out", inspector_without_weights)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("address", "error", "said"),
    [
        ("127.0.0.1:9", ConnectionError, "cluster '127.0.0.1:9' cannot be reached .*ray start"),
        ("ray://127.0.0.1:9", ConnectionError, "cannot be reached"),
        ("127.0.0.1:99999", ConnectionError, "cannot be reached"),
        ("somewhere", ValueError, "--ray 'somewhere' is not accepted; accepted are local, HOST"),
        ("", ValueError, "--ray '' is not accepted"),
    ],
)
def test_a_cluster_that_cannot_be_reached_is_named(address, error, said):
    with pytest.raises(error, match=said):
        check_reachable(address)


def test_a_missing_ray_is_named_with_its_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"pip install 'scratch_d2\[ray\]'"):
        with connected("local", bright_inspector, EVERYTHING):
            raise AssertionError
