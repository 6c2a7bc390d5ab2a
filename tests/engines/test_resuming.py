"""A run that is resumed with other settings: rates are taken, seed and batch size refused."""

import json
from pathlib import Path

import pytest
import torch

from scratch_d2.config import load_config
from scratch_d2.engines import get_engine

TINY = "quick_schedules/tiny_mask_rcnn_R_50_FPN.yaml"
ENGINES = ["embedded", pytest.param("d2", marks=pytest.mark.detectron2)]
pytestmark = pytest.mark.usefixtures("labels")


def config(folder, *opts):
    names = "('tests_labels',)"
    fixed = ["DATASETS.TRAIN", names, "DATASETS.TEST", "()", "OUTPUT_DIR", str(folder)]
    fixed += ["SOLVER.MAX_ITER", "2", "SOLVER.WARMUP_ITERS", "0", "SOLVER.BASE_LR", "0.002"]
    return load_config(TINY, [*fixed, *opts])


def group_of(weights):
    trainer = torch.load(weights, weights_only=True)["trainer"]
    optimizer = trainer["_trainer"]["optimizer"]
    return optimizer["param_groups"][0], trainer["hooks"]["LRScheduler"]["base_lrs"][0]


@pytest.mark.parametrize("engine", ENGINES)
def test_rates_are_those_of_the_config(tmp_path, engine):
    get_engine(engine).train(config(tmp_path))
    opts = ["SOLVER.MAX_ITER", "4", "SOLVER.BASE_LR", "0.0002", "SOLVER.MOMENTUM", "0.5"]
    weights = get_engine(engine).train(config(tmp_path, *opts), resume=True)
    group, base = group_of(weights)
    assert (group["lr"], group["momentum"], base) == (pytest.approx(0.0002), 0.5, 0.0002)
    lines = [json.loads(line) for line in (tmp_path / "metrics.json").read_text().splitlines()]
    rates = [line["lr"] for line in lines if "lr" in line]
    assert rates == pytest.approx([0.002, 0.0002])
    text = (tmp_path / "log.txt").read_text()
    assert "takes " in text and "the learning rate 0.0002 instead of 0.002" in text
    assert "momentum 0.5 instead of 0.9" in text


@pytest.mark.parametrize("engine", ENGINES)
def test_seed_and_batch_size_are_refused_and_config_yaml_stays(tmp_path, engine):
    get_engine(engine).train(config(tmp_path))
    before = (tmp_path / "config.yaml").read_text()
    opts = ["SOLVER.MAX_ITER", "4", "SEED", "7", "SOLVER.IMS_PER_BATCH", "3"]
    with pytest.raises(ValueError, match="SEED is 7, .* has 42; SOLVER.IMS_PER_BATCH is 3, .* has"):
        get_engine(engine).train(config(tmp_path, *opts), resume=True)
    assert (tmp_path / "config.yaml").read_text() == before
    # Any seed will do where the config leaves it to chance.
    get_engine(engine).train(config(tmp_path, "SOLVER.MAX_ITER", "3", "SEED", "-1"), resume=True)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_log_tells_command_and_remaining_time(tmp_path, monkeypatch, engine):
    monkeypatch.setattr("sys.argv", ["tools/train_net.py", "--config-file", "a b.yaml"])
    get_engine(engine).train(config(tmp_path, "SOLVER.MAX_ITER", "21"))
    text = (tmp_path / "log.txt").read_text()
    assert "tools/train_net.py --config-file 'a b.yaml'" in text.replace('"', "")
    assert "eta: 0:00:0" in text


def test_an_empty_test_set_is_known_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr("scratch_d2.engines.checks.get_dataset_dicts", lambda name: [])
    cfg = config(tmp_path / "run")
    cfg.DATASETS.TRAIN, cfg.DATASETS.TEST = [], ["tests_labels"]
    with pytest.raises(ValueError, match="'tests_labels' of DATASETS.TEST holds no image; DATASE"):
        get_engine("embedded").train(cfg)
    assert not Path(tmp_path / "run").exists()
