"""The command scratch-d2: its list of commands, its help, and what it says of an unknown one."""

import re
import subprocess
import sys

import pytest

from scratch_d2 import __version__
from scratch_d2.cli import browse, coco, describe, models, render, split
from scratch_d2.cli.main import COMMANDS, main


def exit_code(*argv: str) -> int:
    with pytest.raises(SystemExit) as exited:
        main(argv)
    return exited.value.code


@pytest.mark.parametrize("argv", [(), ("--help",)])
def test_the_list_names_every_command_with_one_sentence(capsys, argv):
    assert (exit_code(*argv) if argv else main(argv)) == 0
    rows = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line]
    listed = {row[0]: row[1] for row in rows if row[0] in COMMANDS}
    assert list(listed) == list(COMMANDS)
    assert all(summary.endswith(".") for summary in listed.values())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_shows_an_example(capsys, name):
    assert exit_code(name, "--help") == 0
    out = capsys.readouterr().out
    assert out.startswith(f"usage: scratch-d2 {name} ")
    assert re.search(rf"^ *scratch-d2 {name} ", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "said"),
    [("predit", "did you mean predict?"), ("xyz", "accepted are predict, evaluate, ")],
)
def test_an_unknown_command_is_refused(capsys, name, said):
    assert exit_code(name) == 2
    assert f"command {name!r} is unknown; {said}" in capsys.readouterr().err


def test_python_m_scratch_d2_is_the_same_and_imports_nothing_heavy():
    code = "import sys, runpy; runpy.run_module('scratch_d2', run_name='__main__')"
    argv = [sys.executable, "-X", "importtime", "-c", code, "--version"]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"scratch-d2 {__version__}\n")
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert not {"torch", "numpy", "fvcore", "cv2", "PIL"} & imported


def test_choices_and_defaults_are_those_of_the_package():
    from scratch_d2.config_keys import ACCEPTED
    from scratch_d2.data.catalog import SPLITS
    from scratch_d2.data.contact_sheet import SIZE, VERDICTS
    from scratch_d2.data.split import SplitSettings
    from scratch_d2.data.statistics_table import FORMATS
    from scratch_d2.synthetic.render import Spec

    given = split.parse_args(["--root", "x"])
    options = (given.seed, given.burst_gap, given.duplicate_distance, given.folds)
    assert SplitSettings(*options) == SplitSettings()
    assert browse.parse_args(["--datasets", "x", "--output", "y"]).size == SIZE
    assert (browse.VERDICTS, coco.SPLITS, describe.FORMATS) == (VERDICTS, SPLITS, tuple(FORMATS))
    assert models.RUNTIMES == ACCEPTED["SCRATCH.RUNTIME"]
    assert render.parse_args([]).brush == Spec.brush
