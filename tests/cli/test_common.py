import os
import subprocess
import sys

import pytest

from scratch_d2.cli.common import add_pairs, command_parser, split_keys
from scratch_d2.config import default_config, flatten


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["in", "MODEL.WEIGHTS", "a.pth"], 1),
        (["in", "OUTPUT_DIR", "out"], 1),
        (["DSC_0001.PNG", "IMG_2.JPG", "P1.HEIC", "GATE.WEIGHTS", "DSC_1.PNG"], 3),
        (["DSC_0001.PNG"], 1),
        (["LABELS.2024", "SCRATCH.ENGINE", "d2"], 1),
        ([], 0),
    ],
)
def test_photographs_in_capitals_are_no_config_keys(texts, values, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "LABELS.2024").touch()
    assert split_keys(texts) == (texts[:values], texts[values:])


def run_python(program: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", program], text=True, **options)


@pytest.mark.parametrize("checkpoint", [True, False])
def test_a_training_that_is_told_to_stop_says_how_to_resume(tmp_path, checkpoint):
    if checkpoint:
        (tmp_path / "last_checkpoint").touch()
    program = (
        "import os, signal, time\n"
        "from scratch_d2.cli.common import run, saying_how_to_resume\n"
        "def main():\n"
        f"    with saying_how_to_resume({str(tmp_path)!r}):\n"
        "        os.kill(os.getpid(), signal.SIGTERM), time.sleep(9)\n"
        "run(main)"
    )
    done = run_python(program, capture_output=True)
    said = "--resume continues from the last" if checkpoint else "there is no checkpoint in"
    assert done.returncode == 130 and done.stderr.startswith(f"interrupted; {said}")


@pytest.mark.skipif(os.name != "posix", reason="descriptors of POSIX")
def test_closed_standard_streams_are_opened(tmp_path):
    program = (
        "import sys\n"
        "from scratch_d2.cli.common import run\n"
        "def main():\n"
        f"    with open({str(tmp_path / 'a')!r}, 'w') as file:\n"
        "        print('x'), print('y', file=sys.stderr), file.write(str(file.fileno()))\n"
        "    return 0 if sys.stdin.read() == '' else 1\n"
        "run(main)"
    )
    done = run_python(program, preexec_fn=lambda: [os.close(number) for number in range(3)])
    assert done.returncode == 0 and int((tmp_path / "a").read_text()) > 2


def test_no_config_key_is_taken_for_a_photograph(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keys = [key for key in flatten(default_config()) if "." in key or key == "OUTPUT_DIR"]
    assert all(split_keys([key]) == ([], [key]) for key in keys) and len(keys) > 200


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--ouput", "runs"], "unrecognized arguments: --ouput; did you mean --output?"),
        (["SEED", "1", "--ouput=runs"], "--ouput; did you mean --output?"),
        (["--nothing-like-it"], "unrecognized arguments: --nothing-like-it\n"),
    ],
)
def test_a_misspelt_option_is_named_and_not_taken_for_a_key(words, message, capsys):
    parser = command_parser("test", "")
    parser.add_argument("--output")
    add_pairs(parser)
    with pytest.raises(SystemExit) as exit:
        parser.parse_args(words)
    assert exit.value.code == 2
    assert message in capsys.readouterr().err
    assert parser.parse_args(["--out", "runs", "SEED", "1"]).output == "runs"


@pytest.mark.parametrize("own", [{}, {"OMP_WAIT_POLICY": "ACTIVE"}])
def test_waiting_threads_give_way_unless_the_user_says_otherwise(own):
    code = (
        "import os, scratch_d2; print(os.environ['OMP_WAIT_POLICY'], os.environ['GOMP_SPINCOUNT'])"
    )
    env = {k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    done = subprocess.run([sys.executable, "-c", code], env={**env, **own}, capture_output=True)
    assert done.stdout.split() == [own.get("OMP_WAIT_POLICY", "PASSIVE").encode(), b"0"]
