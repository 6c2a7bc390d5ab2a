"""One gate and one detector, trained once for all tests of the commands."""

from pathlib import Path

import pytest

from tests.builders import write_dataset
from tests.commands import TINY, run_command


def keys(labels: Path, run: Path) -> list[str]:
    """KEY VALUE pairs of a run on a folder of labels, validated on nothing."""
    return [
        *("SCRATCH.DATA_ROOT", str(labels), "OUTPUT_DIR", str(run / "detector")),
        *("GATE.OUTPUT_DIR", str(run / "gate"), "DATASETS.TRAIN", "('scratch_text_train',)"),
        *("DATASETS.TEST", "()"),
    ]


@pytest.fixture(scope="session")
def cli_labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 9 Good and 8 Bad labels."""
    return write_dataset(tmp_path_factory.mktemp("cli_labels"), good=9, bad=8)


@pytest.fixture(scope="session")
def trained(cli_labels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with gate/ and detector/ of a training on the labels; to be left as it is."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCRATCH_D2_CACHE", str(folder / "cache"))
        for command, options in (("train-gate", ()), ("train-detector", ("--engine", "embedded"))):
            done = run_command(command, "--config-file", TINY, *options, *keys(cli_labels, folder))
            assert done.returncode == 0, done.stderr
    return folder
