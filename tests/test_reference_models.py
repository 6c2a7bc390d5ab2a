"""The models in weights/ on the labels in datasets/examples, as `make demo` runs them."""

from pathlib import Path

import pytest

from scratch_d2.checkpoints.bundle import resolve_bundle
from scratch_d2.config import load_config
from scratch_d2.data.images import read_image
from scratch_d2.data.records import scan_folder
from scratch_d2.data.split import read_splits_file
from scratch_d2.inspection import Inspector
from scratch_d2.structures.thresholds import read_thresholds
from scratch_d2.utils.files import file_sha256

ROOT = Path(__file__).parents[1]
CONFIG = "reference/pretrained.yaml"
ENGINES = ["embedded", pytest.param("d2", marks=pytest.mark.detectron2)]


@pytest.mark.parametrize("engine", ENGINES)
def test_examples_are_judged_rightly(engine: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    records, _ = scan_folder("datasets/examples")
    inspector = Inspector.load(CONFIG, engine=engine)
    results = inspector.inspect([read_image(record.image) for record in records])
    wrong = [
        record.image.name
        for record, result in zip(records, results, strict=True)
        if result.verdict.label != record.verdict
    ]
    assert len(records) == 60
    assert len(wrong) <= 2, wrong


def test_files_fit_into_a_repository_and_say_where_they_are_from():
    files = {path.name: path for path in (ROOT / "weights").iterdir()}
    record = {"thresholds.json", "splits.json", "README.md"}
    assert set(files) == {"gate.pth", "detector.pth", *record}
    assert all(path.stat().st_size < 100e6 for path in files.values())
    _, calibration = read_thresholds(files["thresholds.json"])
    assert calibration["dataset"] == "scratch_synth_val"
    hashes = [file_sha256(files[name]) for name in ("detector.pth", "gate.pth")]
    assert [calibration["weights_sha256"], calibration["gate_sha256"]] == hashes
    settings, splits = read_splits_file(files["splits.json"])
    assert splits == {"train": []} and settings["left_out"]


def test_training_starts_from_them(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    cfg = load_config(CONFIG)
    bundle = resolve_bundle(cfg)
    assert (bundle.detector, bundle.gate) == (
        Path("weights/detector.pth"),
        Path("weights/gate.pth"),
    )
    assert bundle.thresholds == read_thresholds("weights/thresholds.json")[0]
