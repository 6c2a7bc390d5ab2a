"""Review and serve as commands: what they refuse before they listen."""

import sys

import pytest

from tests.commands import run_command
from tests.review.results import write_results

SERVERS = {"review": ["uvicorn", "starlette"], "serve": ["uvicorn", "prometheus_client"]}


@pytest.mark.parametrize(
    ("command", "arguments", "said"),
    [
        ("review", ["results", "--count", "0"], "0 photographs; accepted is 1 or more"),
        ("review", ["gone"], "'gone' holds no results.jsonl; name the output folder"),
        ("review", ["results", "--port", "70000"], "port 70000 of 127.0.0.1 cannot be used"),
        ("serve", ["--queue", "0"], "argument --queue: 0; accepted is more than 0"),
        ("serve", ["--max-megabytes", "-1"], "argument --max-megabytes: -1"),
        ("serve", ["--bundle", "x", "--engine", "d2"], "--runtime chooses what runs a bundle"),
        ("serve", ["--bundle", "gone"], "gone"),
        ("serve", ["--config-file", "gone.yaml"], "gone.yaml"),
    ],
)
def test_what_they_do_not_take_is_named(tmp_path, command, arguments, said):
    pytest.importorskip("uvicorn", reason="uvicorn is missing")
    pytest.importorskip("prometheus_client", reason="prometheus_client is missing")
    write_results(tmp_path, count=2)
    done = run_command(command, *arguments, cwd=tmp_path)
    assert done.returncode == 2 and said in done.stderr


@pytest.mark.parametrize("command", SERVERS)
def test_a_missing_library_is_named_with_its_pip_command(tmp_path, monkeypatch, command):
    arguments = [write_results(tmp_path, count=2)] if command == "review" else []
    for library in SERVERS[command]:
        monkeypatch.setitem(sys.modules, library, None)
    done = run_command(command, *arguments)
    assert done.returncode == 2 and f"pip install 'scratch_d2[{command}]'" in done.stderr
