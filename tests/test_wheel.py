"""The wheel in an environment of its own: all commands work from an empty folder."""

import os
import re
import shlex
import shutil
import site
import subprocess
import sys
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from scratch_d2.cli.main import COMMANDS

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
# What the first example of each command writes, in an order in which one can use the other's files.
WRITTEN = {
    "render": "labels/bad",
    "split": "labels/splits.json",
    "browse": "sheets/sheet_0001.png",
    "describe": "table.md",
    "coco": "train.json",
    "export-labels": "for_cvat/annotations.xml",
    "predict": "results/results.jsonl",
    "select": "to_label/selection.csv",
    "evaluate": "evaluation/report.html",
    "fine-tune": "run/detector/inference/report.html",
    "calibrate": "run/detector/thresholds.json",
    "train-gate": "output/fine_tuned/gate/model_best.pth",
    "train-detector": "output/fine_tuned/detector/model_final.pth",
    "compare": "comparison.md",
    "convert": "detector.pth",
    "export": "bundle/detector.onnx",
}
# The first two run until they are stopped; import and merge need what others have written.
OTHERS = {"review", "serve", "import", "merge"}
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


def test_the_reference_models_can_be_left_out(source, wheel, monkeypatch):
    shutil.rmtree(source / "build", ignore_errors=True)
    monkeypatch.setenv("SCRATCH_D2_WITHOUT_WEIGHTS", "1")
    left_out = set(contents(wheel)) - set(contents(build_wheel(source, source.parent / "light")))
    assert left_out == {f"scratch_d2/weights/{path.name}" for path in source.glob("weights/*")}


def test_the_installed_package_is_what_is_imported(scripts, tmp_path):
    code = "import scratch_d2; print(scratch_d2.__file__)"
    assert Path(run(scripts / "python", "-c", code, cwd=tmp_path)).is_relative_to(scripts.parent)


def test_the_first_example_of_every_command_works_from_an_empty_folder(scripts, tmp_path):
    assert WRITTEN.keys() | OTHERS == set(COMMANDS)
    for name, written in WRITTEN.items():
        if name == "export" and not find_spec("onnxruntime"):
            continue
        text = run(scripts / "scratch-d2", name, "--help", cwd=tmp_path)
        example = re.search(r"^ *(scratch-d2 (?:.*\\\n)*.*)", text, re.MULTILINE)[1]
        command, *arguments = shlex.split(example.replace("\\\n", " "))
        more = SMALL if name in ("fine-tune", "train-gate", "train-detector") else ()
        run(scripts / command, *arguments, *more, cwd=tmp_path)
        assert (tmp_path / written).exists(), name
