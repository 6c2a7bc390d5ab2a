"""--auto-settings: the proposal of describe is taken, printed, and written into the config."""

import pytest

from scratch_d2.cli import fine_tune, train_detector, train_gate
from scratch_d2.config import load_config
from tests.builders import write_dataset
from tests.commands import TINY

TRAIN = ["DATASETS.TRAIN", "('scratch_text_train',)"]


@pytest.fixture
def labels(tmp_path):
    """Labels of 96 x 64 px with scratches 8 px high, which TINY's 96 px keep as they are."""
    for split in ("train", "val", "test"):
        write_dataset(tmp_path / "labels" / split, good=4, bad=4)
    return tmp_path / "labels"


def pairs(labels, run):
    folders = ["OUTPUT_DIR", str(run), "GATE.OUTPUT_DIR", str(run)]
    data = ["DATASETS.TRAIN", "('scratch_text_train',)", "DATASETS.TEST", "()"]
    return [*folders, *data, "SCRATCH.DATA_ROOT", str(labels)]


def test_the_gate_takes_the_proposal_unless_a_pair_overrides_it(labels, tmp_path, capsys):
    small = ["GATE.IMAGE_SIZE", "32"]
    options = ["--config-file", TINY, "--auto-settings"]
    assert train_gate.main([*options, *pairs(labels, tmp_path / "fitted")]) == 0
    said = capsys.readouterr().out
    assert "settings for scratch_text_train:" in said and "GATE.BATCH_SIZE" in said
    assert load_config(tmp_path / "fitted/config.yaml").GATE.BATCH_SIZE == 16  # TINY has 8
    assert train_gate.main([*options, *pairs(labels, tmp_path / "own"), *small]) == 0
    assert "GATE.IMAGE_SIZE" not in capsys.readouterr().out
    assert load_config(tmp_path / "own/config.yaml").GATE.IMAGE_SIZE == 32


def test_the_detector_writes_it_into_its_config(labels, tmp_path, capsys):
    small = ["INPUT.MIN_SIZE_TEST", "32", "INPUT.MAX_SIZE_TEST", "48"]
    options = ["--config-file", TINY, "--engine", "embedded", "--auto-settings"]
    assert train_detector.main([*options, *pairs(labels, tmp_path / "run"), *small]) == 0
    said = capsys.readouterr().out
    assert "change SCRATCH.AREA_THRESHOLD" in said and "INPUT.MIN_SIZE_TRAIN" not in said
    cfg = load_config(tmp_path / "run/config.yaml")
    assert cfg.SCRATCH.AREA_THRESHOLD == pytest.approx(0.5 * 240 / 6144, rel=0.05)
    assert cfg.INPUT.MIN_SIZE_TEST == 32


def test_evaluation_alone_refuses_it(labels, tmp_path, capsys):
    options = ["--config-file", TINY, "--eval-only", "--auto-settings"]
    with pytest.raises(SystemExit):
        train_detector.main([*options, *pairs(labels, tmp_path / "run")])
    assert "--auto-settings is for training" in capsys.readouterr().err


def test_fine_tuning_leaves_the_area_to_calibration(labels, tmp_path, capsys):
    options = [str(labels), "--output", str(tmp_path / "run"), "--config-file", TINY]
    args = fine_tune.parse_args([*options, "--auto-settings", *TRAIN, "GATE.BATCH_SIZE", "4"])
    fitted = fine_tune.settings_for(args)
    assert "AREA_THRESHOLD" not in " ".join(fitted) and "GATE.BATCH_SIZE" not in fitted
    assert "AREA_THRESHOLD" not in capsys.readouterr().out


def test_fine_tuning_measures_its_folder_whatever_the_config_names(labels, tmp_path, capsys):
    config = "reference/mask_rcnn_R_50_half_FPN.yaml"  # for scratch_synth_train
    options = [str(labels), "--output", str(tmp_path / "run"), "--config-file", config]
    fine_tune.settings_for(fine_tune.parse_args([*options, "--auto-settings"]))
    assert "settings for scratch_text_train:" in capsys.readouterr().out
