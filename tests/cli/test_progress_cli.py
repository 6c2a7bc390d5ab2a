"""What takes long says how far it is, on standard error and never between the results."""

import re

import pytest

from tests.builders import write_dataset
from tests.commands import run_command


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of labels that no cache knows, and progress that is said at once."""
    monkeypatch.setenv("SCRATCH_D2_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("scratch_d2.utils.progress.MINUTE", 0.0)
    return write_dataset(tmp_path / "labels", good=6, bad=4)


COMMANDS = {
    "split": (("--root", "labels"), {"reading labels": 14, "comparing photographs": 1}),
    "browse": (("--datasets", "labels", "--output", "out", "--rows", 2), {"drawing": 2}),
    "describe": (("labels",), {"measuring": 10}),
    "render": (
        ("--count", 3, "--out", "out", "--workers", 1),
        {"rendering": 3, "writing annotations.json": 3},
    ),
    "evaluate": (
        ("--dataset", "labels", "--results", "found.json", "--output", "out"),
        {"computing metrics": 4, "outlining": 10, "shrinking": 10},
    ),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_long_command_says_how_far_it_is(folder, tmp_path, name):
    arguments, steps = COMMANDS[name]
    (tmp_path / "found.json").write_text("[]")
    done = run_command(name, *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for what, total in steps.items():
        pattern = rf"^{what}: {total} of {total} [a-z]+s \(100%\), 0:00:00 left$"
        assert re.search(pattern, done.stderr, re.MULTILINE), done.stderr
        assert what not in done.stdout
