"""The commands and programs of README and guides run, on a few labels and with tiny models.

What runs until it is stopped or needs a cluster, several GPUs or another program is left out;
tests/test_docs.py checks that all commands and options exist.
"""

import io
import json
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path
from unittest import mock

import pytest
import torch
import yaml

from scratch_d2.cli.main import COMMANDS, main
from scratch_d2.config import load_config
from scratch_d2.data.images import read_image
from scratch_d2.formats.review_file import Action, Review, row_key
from scratch_d2.review.log import ReviewLog
from scratch_d2.utils import bundled
from tests.builders import write_dataset
from tests.documents import ROOT, Block, blocks_of, expand, lines_of

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("guides/*.md"))]
# The configs that the documents name train such models here.
TINY = "quick_schedules/tiny_mask_rcnn_R_50_FPN.yaml"
NAMED = ("reference/pretrained.yaml", "scratch_mask_rcnn_R_50_FPN.yaml")
NOT_RUN = ("serve", "export")  # tests/serving, tests/bundles
NOT_RUN_WITH = (" --watch ", " --ray ", " --num-gpus ", " --input - ", "://", "--bundle ")
# Folders that these commands refuse if they exist; a page may write the same one twice.
REFUSING = ("predict", "import", "export-labels", "select", "merge", "render", "fine-tune")
SMALLER = {"--count": "4", "--folds": "3", "SOLVER.MAX_ITER": "4", "GATE.EPOCHS": "1"}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data/, results/, runs/labels, and tiny models for the released ones."""
    folder = tmp_path_factory.mktemp("workplace")
    shutil.copytree(ROOT / "configs", folder / "configs")
    for name in NAMED:
        (folder / "configs" / name).write_text(_tiny(folder, name))
    write_dataset(folder / "data/labels", good=9, bad=8)
    for seed, name in enumerate(("new", "old", "archive", "real", "tiles"), start=1):
        write_dataset(folder / "data" / name, good=3, bad=3, seed=seed)
    with pytest.MonkeyPatch.context() as patch:
        _enter(folder, patch)
        _train(folder)
        main(["predict", "--input", "data/labels", "--output", "results"])
        main(["export-labels", "data/labels", "--format", "cvat", "--out", "cvat_export"])
    for name in ("label", "one", "two"):
        shutil.copy(folder / "data/new/bad/bad0.png", folder / f"{name}.png")
    shutil.copy(folder / "label.png", folder / "data/old")
    (folder / "list.txt").write_text("label.png\n")
    (folder / "data/checked").symlink_to("labels")
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_run(page, workplace, tmp_path, monkeypatch):
    folder = tmp_path / "here"
    shutil.copytree(workplace, folder, symlinks=True)
    _enter(folder, monkeypatch)
    variables = {"SLURM_ARRAY_TASK_ID": "1"}
    for block in blocks_of(page):
        if block.language == "python" and "load_bundle" not in block.text:
            _run_program(block, folder)
        for line in lines_of(block) if block.language == "sh" else ():
            line = line.replace(" /data/", f" {folder}/data/").replace(
                "'/data/", f"'{folder}/data/"
            )
            if setting := re.fullmatch(r"([A-Z_]+)=(\S+)", line):
                variables[setting[1]] = setting[2]
            elif line.startswith(("cp ", "mkdir ")):
                subprocess.run(["bash", "-c", line], check=True)
            elif command := re.match(r"scratch-d2 ([a-z][a-z-]*)(.*)", line):
                # One training from start to end is enough; it takes longest.
                skipped = NOT_RUN if page.name == "README.md" else (*NOT_RUN, "fine-tune")
                if command[1] not in skipped and not any(w in f"{line} " for w in NOT_RUN_WITH):
                    arguments = expand(command[2], folder, variables)
                    _run(command[1], arguments, f"{page.name}:{block.line}: {line}")


def _enter(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.chdir(folder)
    patch.setenv("DETECTRON2_DATASETS", str(folder / "datasets"))
    patch.setattr(bundled, "_bundled", lambda name: folder / name)


def _tiny(folder: Path, name: str) -> str:
    """A config of tiny models that writes where the named one does and reads what it reads."""
    cfg = load_config(TINY), load_config(name)
    gate = {"OUTPUT_DIR": cfg[1].GATE.OUTPUT_DIR, "WEIGHTS": "", "CHECK_IMAGES": False}
    names = {key: list(cfg[1].DATASETS[key]) for key in ("TRAIN", "TEST")}
    model = {"ROI_HEADS": {"SCORE_THRESH_TEST": 0.0}}
    if name == NAMED[0]:
        model["WEIGHTS"] = "weights/detector.pth"
        gate["WEIGHTS"] = "weights/gate.pth"
    # After so little training scores are low; calibration needs detections that count.
    return yaml.safe_dump(
        {
            "_BASE_": str(folder / "configs" / TINY),
            "OUTPUT_DIR": cfg[1].OUTPUT_DIR,
            "DATASETS": names,
            "SCRATCH": {"SCORE_THRESHOLD": 0.0, "RUNTIME": "torch"},
            "TEST": {"DETECTIONS_PER_IMAGE": 3},
            "MODEL": model,
            "GATE": gate,
        }
    )


def _train(folder: Path) -> None:
    """Train runs/labels, and copy it to where the released models are."""
    keys = ["SCRATCH.DATA_ROOT", "data/labels", "DATASETS.TRAIN", "('scratch_text_train',)"]
    keys += ["DATASETS.TEST", "('scratch_text_val',)", "OUTPUT_DIR", "runs/labels/detector"]
    keys += ["GATE.OUTPUT_DIR", "runs/labels/gate", "MODEL.WEIGHTS", "", "GATE.WEIGHTS", ""]
    (folder / "weights").mkdir()
    for kind in ("gate", "detector"):
        assert main([f"train-{kind}", "--config-file", NAMED[0], *keys]) == 0
        shutil.copy(folder / f"runs/labels/{kind}/model_final.pth", f"weights/{kind}.pth")
    shutil.copy(folder / "runs/labels/detector/thresholds.json", "weights/thresholds.json")
    # A detector that has learnt nothing draws empty masks; calibration needs some.
    for name in ("weights/detector.pth", "runs/labels/detector/model_final.pth"):
        weights = torch.load(name, weights_only=True)
        weights["model"]["roi_heads.mask_head.predictor.bias"] += 5
        torch.save(weights, name)


def _run(command: str, arguments: list[str], where: str) -> None:
    if command == "review":
        _answer(Path(arguments[0]))
        return
    for option, value in zip(arguments, arguments[1:]):
        if option in ("--output", "--out") and command in REFUSING:
            shutil.rmtree(value, ignore_errors=True)
    smaller = [SMALLER.get(option, value) for option, value in zip(["", *arguments], arguments)]
    # The tiny gate is no ResNet-50, from which a detector could start.
    code = main([command, *("" if a == "output/gate/model_best.pth" else a for a in smaller)])
    # 3 of import: outlines of such a detector are not all fit for masks.
    assert code == 0 or (command, code) == ("import", 3), f"{where} ends with {code}"


def _answer(results: Path) -> None:
    """Answer as a person would on the review page: what lies in bad/ is Bad."""
    log = ReviewLog(results / "reviews.jsonl")
    for line in (results / "results.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        answer = Review("bad" if "bad" in Path(row["file"]).name else "good")
        log.add(Action(row["image_id"], row["file"], row_key(row), answer))


def _run_program(block: Block, folder: Path) -> None:
    """Run a program with what it takes for granted: a camera, a cluster, a row to read."""
    started: list[list[str]] = []

    def start(command: list[str]) -> types.SimpleNamespace:
        started.append(command)
        return types.SimpleNamespace(returncode=0)

    spark = mock.Mock()
    spark.sparkContext.parallelize = lambda numbers, parts: types.SimpleNamespace(
        map=lambda act: types.SimpleNamespace(collect=lambda: [act(number) for number in numbers])
    )
    names = {"camera_frames": lambda: iter([read_image(folder / "label.png")]), "spark": spark}
    row = io.StringIO('{"file": "a.png", "verdict": "bad", "reason": "Bad: 1 scratch"}')
    with mock.patch.object(sys, "stdin", row), mock.patch.object(subprocess, "run", start):
        exec(compile(block.text, "example", "exec"), names)
    for command in started:
        assert command[0] == "scratch-d2" and command[1] in COMMANDS
