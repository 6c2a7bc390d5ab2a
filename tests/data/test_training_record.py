"""What a model was trained on: recorded by training, read by `describe`."""

import json

import pytest

from scratch_d2.data.catalog import register_scratch_dataset, save_training_splits
from scratch_d2.data.statistics_table import OF_A_MODEL, Reference, to_markdown
from scratch_d2.data.training_record import MEASURED, read_training_statistics
from tests.builders import write_dataset
from tests.commands import run_command


@pytest.fixture
def record(tmp_path):
    root = write_dataset(tmp_path / "labels", good=3, bad=2)
    register_scratch_dataset("tests_record", root, replace=True)
    return save_training_splits(["tests_record"], [], tmp_path)


def test_training_records_what_its_images_are_like(record):
    statistics = read_training_statistics(record)
    assert statistics["photographs"] == 5 and statistics["bad_share"] == 40
    assert statistics["long_side_50"] == 96 and statistics["short_side_50"] == 64
    assert statistics["scratch_short_50"] == 8 and statistics["scratch_ratio_50"] == 30 / 8
    assert MEASURED >= 100


@pytest.mark.parametrize("settings", [{}, {"statistics": {}}, {"statistics": None}])
def test_a_record_of_an_earlier_version_says_nothing(tmp_path, settings):
    path = tmp_path / "splits.json"
    path.write_text(json.dumps({"version": 1, "settings": settings, "splits": {"train": []}}))
    assert read_training_statistics(path) is None
    assert read_training_statistics(tmp_path / "none.json") is None
    assert read_training_statistics(None) is None


def test_a_damaged_record_is_named(tmp_path):
    path = tmp_path / "splits.json"
    settings = {"statistics": {"photographs": [1]}}
    path.write_text(json.dumps({"version": 1, "settings": settings, "splits": {}}))
    with pytest.raises(ValueError, match="splits.json: not a record of training data"):
        read_training_statistics(path)


def test_deviations_from_training_data_are_marked(record):
    known = read_training_statistics(record)
    mine = {**known, "long_side_50": 200.0, "photographs": 1000.0, "short_side_50": 70.0}
    table = to_markdown({"mine": mine}, Reference("training data", known, OF_A_MODEL))
    rows = {line.split("|")[1].strip(): line.split("|")[3].strip() for line in table.splitlines()}
    assert rows["longer side, px: median"] == "200 off (+108%)"
    assert rows["shorter side, px: median"] == "70 ok (+9%)"
    assert rows["photographs"] == "1,000"  # how many there are is no deviation


def test_describe_compares_with_a_model(record, tmp_path):
    done = run_command("describe", "labels", "--model", ".", cwd=tmp_path)
    assert done.returncode == 0
    assert "training data |" in done.stdout and "96 ok (+0%)" in done.stdout
    assert "as KEY VALUE pairs: " in done.stdout
    record.unlink()
    done = run_command("describe", "labels", "--model", ".", cwd=tmp_path)
    assert done.returncode == 0 and "was trained on is not known" in done.stdout


@pytest.mark.parametrize("model", ["gone.pth", "gone"])
def test_a_model_that_is_not_there_is_named(record, tmp_path, model):
    done = run_command("describe", "labels", "--model", model, cwd=tmp_path)
    assert done.returncode == 2 and f"'{model}': no such checkpoint" in done.stderr
