"""scratch-d2 predict as a line runs it: killed, stopped, fed by a pipe, watching a folder."""

import io
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from scratch_d2.config import load_config
from scratch_d2.engines.embedded import MaskRCNN
from scratch_d2.inspection.rows import RowFile
from tests.builders import draw_label, save
from tests.commands import ENGINES, ROOT, TINY, run_command
from tests.engines.parity import fill
from tests.gate.gates import save_gate

TIMESTAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00")
ENV = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    """Twelve labels, one of them damaged, and models with random weights."""
    folder = tmp_path_factory.mktemp("predict")
    network = MaskRCNN(load_config(TINY))
    torch.save({"model": fill(network)}, folder / "detector.pth")
    save_gate(folder / "gate.pth")
    rng = np.random.default_rng(0)
    for index in range(12):
        save(draw_label(rng), folder / "in" / f"{index:02d}.png")
    (folder / "in" / "05.png").write_bytes(b"no image")
    return folder


def predict(work: Path, output: Path, *options: object, engine: str = "embedded") -> list[str]:
    """The command that inspects into a folder, two in a batch, with the models of `work`."""
    fixed = ("--config-file", TINY, "--output", output, "--engine", engine, "--batch-size", 2)
    keys = ("MODEL.WEIGHTS", work / "detector.pth", "GATE.WEIGHTS", work / "gate.pth")
    rule = ("SCRATCH.SCORE_THRESHOLD", "0.3", "SCRATCH.AREA_THRESHOLD", "50.0")
    rule += ("SCRATCH.AREA_UNIT", "pixel")
    arguments = ("predict", *fixed, *options, *keys, *rule, "GATE.THRESHOLD", "0.0")
    return [str(argument) for argument in arguments]


def as_process(arguments: list[str]) -> list[str]:
    return [sys.executable, "-m", "scratch_d2", *arguments]


def call_process(arguments: list[str], **options: object) -> subprocess.CompletedProcess:
    command = as_process(arguments)
    done = subprocess.run(command, capture_output=True, text=True, env=ENV, **options)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def start(arguments: list[str]) -> subprocess.Popen:
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen(
        as_process(arguments), env=ENV, text=True, preexec_fn=heed_ctrl_c, **pipes
    )


def heed_ctrl_c() -> None:
    """Ctrl-C is ignored by what a shell has started in the background, these tests included."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def feed(process: subprocess.Popen, work: Path, numbers: range, rows: Path, count: int) -> None:
    """Write names to a run that reads them from stdin, and wait until it has so many rows."""
    for number in numbers:
        process.stdin.write(f"{work / 'in'}/{number:02d}.png\n")
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if rows.is_file() and rows.read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.02)
    raise AssertionError(process.communicate())


def files_of(folder: Path) -> dict[str, bytes]:
    """The files of a folder with one time in place of all timestamps."""
    return {
        str(path.relative_to(folder)): TIMESTAMP.sub(b"now", path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


@pytest.fixture(scope="module")
def whole(work) -> Path:
    """Results of a run that nobody disturbed."""
    done = run_command(*predict(work, work / "whole", "--input", work / "in"))
    assert done.returncode == 3 and "05.png': not an image" in done.stdout
    assert "12 images: " in done.stdout and "seconds of all threads: read" in done.stdout
    assert len(list((work / "whole" / "overlays").iterdir())) > 0
    return work / "whole"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_killed_run_is_completed_to_the_same_bytes(work, tmp_path, engine):
    whole = tmp_path / "whole"
    run_command(*predict(work, whole, "--input", work / "in", "--workers", 2, engine=engine))
    cut = predict(work, tmp_path / "cut", "--input", "-", "--workers", 2, engine=engine)
    process = start(cut)
    feed(process, work, range(9), tmp_path / "cut" / "results.jsonl", count=1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert 0 < sum(1 for _ in RowFile(tmp_path / "cut" / "results.jsonl")) < 12
    resumed = predict(work, tmp_path / "cut", "--input", work / "in", "--resume", engine=engine)
    assert run_command(*resumed).returncode == 3
    assert files_of(tmp_path / "cut") == files_of(whole) and len(files_of(whole)) > 5


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_a_run_that_is_stopped_says_how_to_go_on(work, tmp_path, number):
    rows = tmp_path / "out" / "results.jsonl"
    process = start(predict(work, tmp_path / "out", "--input", "-"))
    feed(process, work, range(9), rows, count=1)
    process.send_signal(number)
    _, said = process.communicate()
    assert process.returncode == 130
    count = sum(1 for _ in RowFile(rows))
    assert f"the {count} rows in {rows} are complete, --resume continues" in said


@pytest.mark.slow
def test_a_second_run_in_the_same_folder_is_refused(work, whole, tmp_path):
    process = start(predict(work, tmp_path / "out", "--input", "-"))
    feed(process, work, range(3), tmp_path / "out" / "results.jsonl", count=1)
    second = run_command(*predict(work, tmp_path / "out", "--input", work / "in", "--resume"))
    assert second.returncode == 2 and "is being written by another run" in second.stderr
    process.communicate(input="".join(f"{work}/in/{n:02d}.png\n" for n in range(3, 12)))
    assert process.returncode == 3 and files_of(tmp_path / "out") == files_of(whole)


def test_names_from_stdin_need_not_be_there(work, tmp_path, monkeypatch):
    names = f"{work}/in/00.png\n{work}/in/gone.png\n{work}/in/01.png\n"
    options = ("--input", "-", "--save", "none", "--fail-on-bad")
    monkeypatch.setattr(
        "sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(names.encode())))
    )
    done = run_command(*predict(work, tmp_path, *options))
    rows = list(RowFile(tmp_path / "results.jsonl"))
    assert [row["status"] for row in rows] == ["ok", "error", "ok"]
    assert done.returncode == (10 if any(row.get("verdict") == "bad" for row in rows) else 3)
    assert not list((tmp_path / "overlays").iterdir())


def test_a_watch_ends_with_sigterm_and_goes_on_where_it_was(work, tmp_path):
    (tmp_path / "in").mkdir()
    take = "sh -c 'cat >> \"$0\"' " + str(tmp_path / "taken")
    options = ("--watch", tmp_path / "in", "--resume", "--on-verdict", take)
    watch = predict(work, tmp_path / "out", *options)
    for numbers in (range(2), range(2, 4)):
        for number in numbers:
            os.link(work / "in" / f"{number:02d}.png", tmp_path / "in" / f"{number:02d}.png")
        process = start(watch)
        feed(process, work, range(0), tmp_path / "out" / "results.jsonl", count=numbers[-1] + 1)
        process.send_signal(signal.SIGTERM)
        said, errors = process.communicate()
        assert process.returncode == 0, errors
        began = said.splitlines()[1]
        assert began.startswith(f"watching {tmp_path / 'in'} for photographs; results go to ")
        assert all(re.search(rf":\d\d {n:02d}.png (Good|Bad): ", said) for n in numbers)
        assert "--on-verdict: 2 rows delivered" in errors
    rows = list(RowFile(tmp_path / "out" / "results.jsonl"))
    assert list(RowFile(tmp_path / "taken")) == rows
    assert sorted(Path(row["file"]).name for row in rows) == [f"{n:02d}.png" for n in range(4)]
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["images"] == 4


def test_a_full_disk_is_one_sentence_and_loses_no_row(work, whole, tmp_path):
    size = (whole / "results.jsonl").stat().st_size

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))

    options = ("--input", work / "in", "--save", "none")
    full = call_process(predict(work, tmp_path / "out", *options), preexec_fn=limit)
    assert full.returncode == 2 and len(full.stderr.strip().splitlines()) == 1
    assert (
        "results.jsonl' cannot be written: File too large; the rows before are saved" in full.stderr
    )
    assert run_command(*predict(work, tmp_path / "out", *options, "--resume")).returncode == 3
    run_command(*predict(work, tmp_path / "none", *options))
    assert files_of(tmp_path / "out") == files_of(tmp_path / "none")


def test_shards_are_merged_to_an_unbroken_run(work, whole, tmp_path):
    shards = [tmp_path / f"shard{number}" for number in range(1, 9)]
    for number, shard in enumerate(shards, 1):
        options = ("--input", work / "in", "--shard", f"{number}/8")
        done = run_command(*predict(work, shard, *options))
        assert done.returncode == (3 if number == 3 else 0), done.stderr
    assert "0 images: " in done.stdout  # of the eighth; there are six batches
    assert run_command("merge", *shards[1:], "--output", tmp_path / "out").returncode == 2
    done = run_command("merge", *shards, "--output", tmp_path / "out")
    assert done.returncode == 3 and "12 images: " in done.stdout and "seconds" not in done.stdout
    assert files_of(tmp_path / "out") == files_of(whole)


def test_a_merge_onto_a_full_disk_is_one_sentence_and_is_made_again(work, whole, tmp_path):
    run_command(*predict(work, tmp_path / "1", "--input", work / "in", "--shard", "1/1"))
    size = (whole / "results.jsonl").stat().st_size
    merge = ["merge", str(tmp_path / "1"), "--output", str(tmp_path / "out")]

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))

    full = call_process(merge, preexec_fn=limit)
    assert full.returncode == 2 and len(full.stderr.strip().splitlines()) == 1
    assert "File too large; merge again with --overwrite; the results of the shar" in full.stderr
    assert run_command(*merge, "--overwrite").returncode == 3
    assert files_of(tmp_path / "out") == files_of(whole)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--input", "setup.py", "--save", "masks,everything"], "'everything' is not accepted"),
        (["--input", "setup.py", "--batch-size", "0"], "batch_size is 0; accepted is 1 or more"),
        (["--input", "setup.py", "--shard", "3/2"], "shard '3/2' is not accepted; accepted are NU"),
        (["--input", "setup.py", "--shard", ""], "shard '' is not accepted"),
        (
            ["--input", "setup.py", "--ray", "127.0.0.1:9"],
            "cluster '127.0.0.1:9' cannot be reached",
        ),
        (["--input", "setup.py", "--ray", "there"], "--ray 'there' is not accepted; accepted are"),
        (["--watch", "nothing"], "watched folder 'nothing': no such folder"),
        (["--input", "nothing/*.png"], "input 'nothing/*.png': no such file or folder"),
    ],
)
def test_what_is_not_accepted_is_one_sentence(work, tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(ROOT)
    done = run_command(*predict(work, tmp_path, *options))
    assert done.returncode == 2 and said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
