"""The wheel in an environment of its own: all commands work from an empty folder."""

import json
import os
import shutil
import site
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LEFT_OUT = (
    ".git",
    ".venv",
    "runs",
    "output",
    "build",
    "dist",
    "*.egg-info",
    ".*_cache",
    "__pycache__",
)
SMALL = ("SOLVER.MAX_ITER", "2", "SOLVER.IMS_PER_BATCH", "2", "GATE.EPOCHS", "1")
pytestmark = pytest.mark.slow


def run(*command: object, cwd: Path) -> str:
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=cwd, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build_wheel(source: Path, target: Path) -> Path:
    options = ("--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet")
    run(sys.executable, "-m", "pip", "wheel", *options, "-w", target, ".", cwd=source)
    return next(target.glob("*.whl"))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, so that building leaves nothing in it."""
    folder = tmp_path_factory.mktemp("build") / "source"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*LEFT_OUT))
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path) -> Path:
    return build_wheel(source, source.parent / "wheel")


@pytest.fixture(scope="module")
def scripts(wheel: Path) -> Path:
    """bin/ of an environment that holds the wheel, and the dependencies of the running Python."""
    folder = wheel.parents[1] / "venv"
    venv.create(folder, with_pip=False)
    python = folder / "bin/python"
    options = ("--no-deps", "--no-index", "--disable-pip-version-check", "--quiet")
    run(sys.executable, "-m", "pip", "--python", python, "install", *options, wheel, cwd=folder)
    # Folders named in a .pth come after the environment's own, and their .pth files, such as
    # that of an editable install, have no effect.
    own = next(folder.glob("lib/python*/site-packages"))
    (own / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    return folder / "bin"


def contents(wheel: Path) -> dict[str, int]:
    """The CRC of each file in a wheel, by name."""
    return {item.filename: item.CRC for item in zipfile.ZipFile(wheel).infolist()}


def test_wheel_and_sdist_hold_the_same_and_all_that_is_needed(source, wheel):
    files = set(contents(wheel))
    shipped = [*source.glob("configs/**/*.yaml"), *source.glob("weights/*")]
    assert {f"scratch_d2/{path.relative_to(source)}" for path in shipped} <= files
    package = [path for path in source.glob("scratch_d2/**/*") if path.is_file()]
    assert {str(path.relative_to(source)) for path in package} <= files

    run(sys.executable, "setup.py", "-q", "sdist", "-d", source.parent / "sdist", cwd=source)
    unpacked = source.parent / "unpacked"
    shutil.unpack_archive(next((source.parent / "sdist").iterdir()), unpacked)
    again = build_wheel(next(unpacked.iterdir()), source.parent / "again")
    assert contents(again) == contents(wheel)


def test_all_commands_work_from_an_empty_folder(scripts, tmp_path):
    code = "import scratch_d2; print(scratch_d2.__file__)"
    assert Path(run(scripts / "python", "-c", code, cwd=tmp_path)).is_relative_to(scripts.parent)

    def call(*arguments: object) -> str:
        return run(scripts / "scratch-d2", *arguments, cwd=tmp_path)

    call("render", "--count", 24, "--bad-fraction", 0.5, "--out", "labels", "--workers", 1)
    call("predict", "--input", "labels/bad", "labels/good", "--output", "results")
    assert json.loads((tmp_path / "results/summary.json").read_text())["images"] == 24
    models = ("--config-file", "reference/pretrained.yaml")
    data = ("--dataset", "scratch_text_all", "--output", "calibrated")
    call("calibrate", *models, *data, "SCRATCH.DATA_ROOT", "labels")
    assert (tmp_path / "calibrated/thresholds.json").is_file()
    call("evaluate", "--dataset", "labels", "--results", "results", "--output", "evaluation")
    assert (tmp_path / "evaluation/report.html").is_file()
    tuned = call("fine-tune", "labels", "--output", "run", *SMALL)
    assert "next: scratch-d2 predict --config-file run/detector/config.yaml" in tuned
    for name in ("gate/model_best.pth", "detector/thresholds.json", "detector/model_final.pth"):
        assert (tmp_path / "run" / name).is_file()
