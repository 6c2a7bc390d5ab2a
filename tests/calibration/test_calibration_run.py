"""From an evaluation to thresholds.json, with the thresholds that were there before."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from scratch_d2.calibration import calibrate
from scratch_d2.calibration.run import raise_gates
from scratch_d2.cli.main import main
from scratch_d2.structures.thresholds import Thresholds, read_thresholds
from tests.calibration.tables import draw_images

CONFIG = "quick_schedules/tiny_mask_rcnn_R_50_FPN.yaml"
AREAS = Thresholds(area_unit="pixel")
FEW = draw_images(60, seed=4)


@pytest.fixture
def work(tmp_path, monkeypatch) -> Path:
    """A folder with weights, of which only the hash counts, and an evaluation of 60 images."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.pth", "g.pth"):
        Path(name).write_bytes(name.encode())
    Path("evaluation").mkdir()
    FEW.save("evaluation", AREAS)
    metadata = {"dataset": "few", "data_sha256": "cd", "images": 60, "thresholds": asdict(AREAS)}
    Path("evaluation/evaluation.json").write_text(json.dumps({"metadata": metadata}))
    return tmp_path


@pytest.fixture(scope="module")
def good() -> Thresholds:
    return calibrate(draw_images(2000, seed=1), AREAS, "f1").thresholds


def run(*options: str) -> int:
    keys = ["MODEL.WEIGHTS", "a.pth", "GATE.WEIGHTS", "g.pth", "SCRATCH.AREA_UNIT", "pixel"]
    fixed = ["--config-file", CONFIG, "--inference", "evaluation"]
    return main(["calibrate", *fixed, *options, *keys])


def save(thresholds: Thresholds, data: str, folder: str = ".") -> Path:
    return thresholds.save(folder, {"dataset": "many", "data_sha256": data, "goal": "f1"})


def test_former_thresholds_beside_the_weights_are_kept(work, good, capsys):
    save(good, "ab")
    for _ in range(2):
        assert run() == 0
        kept, block = read_thresholds("thresholds.json")
        assert kept == good and block["dataset"] == "few"
        assert (block["kept"]["dataset"], block["kept"]["data_sha256"]) == ("many", "ab")
    assert "note: the thresholds chosen on many are kept: they reach" in capsys.readouterr().out
    assert run("--anew") == 0
    chosen, block = read_thresholds("thresholds.json")
    assert chosen == calibrate(FEW, AREAS, "f1").thresholds != good and block["kept"] is None


@pytest.mark.parametrize(
    ("thresholds", "data"),
    [(None, "cd"), (None, ""), (Thresholds(area=1e9, area_unit="pixel"), "ab")],
    ids=["chosen on these images", "never calibrated", "worse"],
)
def test_other_former_thresholds_are_replaced(work, good, thresholds, data):
    former = thresholds or good
    save(former, data) if data else former.save(".")
    assert run() == 0
    chosen, block = read_thresholds("thresholds.json")
    assert chosen == calibrate(FEW, AREAS, "f1").thresholds and block["kept"] is None


@pytest.mark.parametrize(
    ("changes", "options", "said"),
    [
        ({}, (), "the thresholds chosen on many are kept"),
        ({"area_scaling": "odds"}, (), "are not compared with new ones: they judge areas in ano"),
        ({}, ("--review", "0.1"), "are not compared with new ones: a review band is asked for"),
    ],
)
def test_former_thresholds_may_be_elsewhere(work, good, capsys, changes, options, said):
    (work / "start").mkdir()
    file = save(replace(good, **changes), "ab", "start")
    assert run("--former", str(file), *options) == 0
    assert said in capsys.readouterr().out
    assert (read_thresholds("thresholds.json")[0] == good) == ("are kept" in said)


def test_an_evaluation_is_calibrated_with_the_scaling_that_is_asked_for(work):
    assert run("SCRATCH.AREA_SCALING", "odds") == 0
    chosen = read_thresholds("thresholds.json")[0]
    assert chosen == calibrate(FEW, replace(AREAS, area_scaling="odds"), "f1").thresholds


def test_a_former_file_that_is_none_is_named(work):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        run("--former", "nowhere.json")


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [(0.1, None, (0.5, None)), (0.1, 0.3, (0.5, 0.5)), (0.6, 0.9, (0.6, 0.9))],
)
def test_no_gate_threshold_is_below_what_the_detector_has_seen(lower, upper, expected):
    raised = raise_gates(Thresholds(gate_threshold=lower, gate_upper_threshold=upper), 0.5)
    assert (raised.gate_threshold, raised.gate_upper_threshold) == expected
