"""Training: learns a toy set, resumes where it was killed, draws the same data for a seed."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from fvcore.common.config import CfgNode
from sklearn.metrics import roc_auc_score

from scratch_d2.config import default_config
from scratch_d2.gate import Gate, Preprocessing, checkpoints, examples, train
from scratch_d2.gate.network import GateNetwork
from scratch_d2.gate.state import rate
from scratch_d2.gate.train import train_gate
from scratch_d2.gate.validation import rank, ranking_metrics
from tests.builders import save
from tests.gate.gates import save_gate

SIZE = 64


def make_image(seed: int, bad: bool) -> tuple[np.ndarray, list[float]]:
    """A dark bar on grey paper, with a bright streak across it where Bad, and the streak's box."""
    rng = np.random.default_rng(seed)
    image = rng.integers(190, 230, (48, 80, 3), dtype=np.uint8)
    image[10:38, 8:72] = rng.integers(20, 60)
    row = int(rng.integers(14, 30))
    if bad:
        image[row : row + 5, 8:72] = 250
    return image, [8.0, row, 72.0, row + 5]


def make_dicts(folder: Path, good: int, bad: int) -> list[dict]:
    dicts = []
    for index in range(good + bad):
        image, (x0, y0, x1, y1) = make_image(index, index >= good)
        scratch = {"segmentation": [[x0, y0, x1, y0, x1, y1, x0, y1]]}
        dicts.append(
            {
                "file_name": str(save(image, folder / f"{index:03d}.png")),
                "height": 48,
                "width": 80,
                "verdict": "bad" if index >= good else "good",
                "annotations": [scratch] if index >= good else [],
            }
        )
    return dicts


def make_config(folder: Path, **gate: object) -> CfgNode:
    cfg = default_config()
    cfg.MODEL.DEVICE = "cpu"
    cfg.DATASETS.TRAIN, cfg.DATASETS.TEST = ["toy_train"], ["toy_val"]
    cfg.DATALOADER.NUM_WORKERS = 0
    cfg.SEED = 3
    cfg.GATE.OUTPUT_DIR = str(folder)
    settings = {
        "MODEL": "resnet10t",
        "WIDTH": 0.25,
        "IMAGE_SIZE": SIZE,
        "EPOCHS": 2,
        "BATCH_SIZE": 8,
    }
    settings |= gate
    cfg.GATE.merge_from_other_cfg(CfgNode(settings))
    return cfg


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[dict]]:
    """Datasets by name, in place of the catalog; a test may change them."""
    sets = {}
    for name, counts in {"toy_train": (12, 8), "toy_val": (6, 6)}.items():
        sets[name] = make_dicts(tmp_path / name, *counts)
    monkeypatch.setattr(examples, "get_dataset_dicts", sets.__getitem__)
    return sets


def test_training_learns_and_writes_what_a_run_writes(tmp_path: Path, toy: dict) -> None:
    for name, (good, bad) in {"toy_train": (40, 20), "toy_val": (12, 12)}.items():
        toy[name] = make_dicts(tmp_path / name, good, bad)
    out = tmp_path / "out"
    best = train_gate(make_config(out, EPOCHS=5, BASE_LR=2e-3))
    assert best == out / "model_best.pth"
    gate = Gate.load(best)
    labels = [1, 0] * 20
    scores = gate([make_image(1000 + i, bool(label))[0] for i, label in enumerate(labels)])
    assert roc_auc_score(labels, scores) > 0.9
    assert gate.info["train_images"] == {"good": 40, "bad": 20}
    assert gate.info["prior"] == pytest.approx(1 / 3)
    assert gate.info["pos_weight"] == 2.0
    assert gate.info["validation"]["roc_auc"] > 0.9
    names = {path.name.split(".tfevents")[0] for path in out.iterdir()}
    assert names == {
        "config.yaml",
        "events.out",
        "last_checkpoint",
        "log.txt",
        "metrics.json",
        "model_0000031.pth",
        "model_0000039.pth",
        "model_best.pth",
        "splits.json",
        "model_final.pth",
    }
    lines = [json.loads(line) for line in (out / "metrics.json").read_text().splitlines()]
    assert lines[-1]["iteration"] == 39
    validated = [line["validation/average_precision"] for line in lines if len(line) == 4]
    assert len(validated) == 5
    assert gate.info["validation"]["average_precision"] == max(validated)


def test_resuming_ends_where_an_uninterrupted_run_ends(
    tmp_path: Path, toy: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = make_config(tmp_path / "whole", EPOCHS=3)
    train_gate(whole)

    class Killed(BaseException):
        pass

    def die(training: object, *_: object) -> None:
        if training.epoch == 1 and training.iteration == 4:
            raise Killed
        return step(training, *_)

    step = train.step
    broken = make_config(tmp_path / "broken", EPOCHS=3)
    monkeypatch.setattr(train, "step", die)
    with pytest.raises(Killed):
        train_gate(broken)
    assert (tmp_path / "broken/last_checkpoint").read_text() == "model_0000002.pth"
    monkeypatch.setattr(train, "step", step)
    # Weights of the run itself are at hand: nothing may be fetched.
    broken.GATE.PRETRAINED = True
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    train_gate(broken, resume=True)

    ends = [checkpoints.read_last(tmp_path / name) for name in ("whole", "broken")]
    assert [(end["iteration"], end["epoch"]) for end in ends] == [(8, 3), (8, 3)]
    assert ends[0]["scheduler"]["last_epoch"] == ends[1]["scheduler"]["last_epoch"] == 9
    assert ends[0]["best"] == pytest.approx(ends[1]["best"], abs=1e-5)
    torch.testing.assert_close(ends[0]["model"], ends[1]["model"], rtol=0, atol=1e-5)


def test_resuming_refuses_another_network_and_a_fresh_start_forgets(
    tmp_path: Path, toy: dict
) -> None:
    toy["toy_val"] = []
    cfg = make_config(tmp_path, EPOCHS=1)
    (tmp_path / "model_best.pth").touch()
    assert train_gate(cfg, resume=True) == tmp_path / "model_final.pth"
    assert not (tmp_path / "model_best.pth").exists()
    before = (tmp_path / "model_final.pth").stat().st_mtime_ns
    assert train_gate(cfg, resume=True) == tmp_path / "model_final.pth"
    assert (tmp_path / "model_final.pth").stat().st_mtime_ns > before
    assert checkpoints.read_last(tmp_path)["iteration"] == 2
    with pytest.raises(ValueError, match="GATE.IMAGE_SIZE is 96, but the run to resume .* has 64"):
        train_gate(make_config(tmp_path, IMAGE_SIZE=96), resume=True)
    with pytest.raises(FloatingPointError, match="iteration 0"):
        train_gate(make_config(tmp_path, POS_WEIGHT=float("inf")))
    assert not (tmp_path / "last_checkpoint").exists()


def test_training_starts_from_the_weights_of_a_gate(tmp_path: Path, toy: dict) -> None:
    cfg = make_config(tmp_path / "tuned", EPOCHS=1, BASE_LR=1e-9, WIDTH=1.0)
    save_gate(tmp_path / "gate.pth")
    cfg.GATE.WEIGHTS = str(tmp_path / "gate.pth")
    train_gate(cfg)
    before = torch.load(cfg.GATE.WEIGHTS)["model"]
    after = checkpoints.read_last(tmp_path / "tuned")["model"]
    for name in (name for name in before if "running_" not in name and "num_" not in name):
        torch.testing.assert_close(after[name], before[name], rtol=0, atol=1e-6)
    cfg.GATE.MODEL = "resnet18"
    message = "gate.pth' are of resnet10t of width 1, but .* ask for resnet18 of width 1"
    with pytest.raises(ValueError, match=message):
        train_gate(cfg)


@pytest.mark.parametrize(("good", "bad"), [(4, 0), (0, 5), (0, 0)])
def test_one_class_is_refused_with_counts(tmp_path: Path, toy: dict, good: int, bad: int) -> None:
    toy["toy_train"] = make_dicts(tmp_path, good, bad)
    with pytest.raises(ValueError, match=f"{good} Good and {bad} Bad"):
        train_gate(make_config(tmp_path / "out"))


def test_augmentation_depends_on_seed_epoch_and_index_only(toy: dict) -> None:
    def build(seed: int) -> examples.Examples:
        augment = examples.make_augmentation(255)
        return examples.Examples(toy["toy_train"], Preprocessing(SIZE), augment, seed)

    first, second, other = build(0), build(0), build(1)
    second[0, 5], torch.rand(3)
    assert torch.equal(first[2, 7][0], second[2, 7][0])
    assert not torch.equal(first[2, 7][0], first[3, 7][0])
    assert not torch.equal(first[2, 7][0], other[2, 7][0])
    assert first[2, 7][0].shape == (3, SIZE, SIZE) and first[2, 7][0].dtype == torch.uint8


def test_reading_on_the_fly_equals_the_cache(toy: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = examples.Examples(toy["toy_train"], Preprocessing(SIZE), with_masks=True)
    monkeypatch.setattr(examples, "CACHE_BYTES", 0)
    fresh = examples.Examples(toy["toy_train"], Preprocessing(SIZE), with_masks=True)
    for (one, label, mask), (two, same, again) in ((cached[0, i], fresh[0, i]) for i in (0, 19)):
        assert torch.equal(one, two) and label == same and torch.equal(mask, again)
    assert fresh[0, 19][1] == 1.0


def test_masks_move_with_their_images(toy: dict) -> None:
    augment = examples.make_augmentation(255)
    bad = examples.Examples(toy["toy_train"], Preprocessing(SIZE), augment, with_masks=True)
    for epoch in range(12):
        image, _, mask = bad[epoch, 15]
        inside = image.float().mean(dim=0)[mask[0] > 250]
        assert len(inside) > 50 and inside.median() > 180
    assert not bad[0, 3][2].any()
    plain = examples.Examples(toy["toy_train"], Preprocessing(SIZE), augment)
    assert not plain[0, 15][2].any()


def test_masks_teach_where_scratches_are(tmp_path: Path, toy: dict) -> None:
    toy["toy_train"], toy["toy_val"] = make_dicts(tmp_path, 20, 20), []
    bad = examples.Examples(toy["toy_train"][20:], Preprocessing(SIZE), with_masks=True)
    images, _, masks = zip(*(bad[0, i] for i in range(20)))
    images, masks = torch.stack(images), torch.stack(masks)
    contrast = {}
    for weight in (0.0, 3.0):
        out = tmp_path / f"out{weight}"
        cfg = make_config(out, EPOCHS=4, BASE_LR=5e-3, MASK_LOSS_WEIGHT=weight)
        train_gate(cfg)
        network = GateNetwork("resnet10t", width=0.25).eval()
        network.load_state_dict(checkpoints.read_last(out)["model"])
        with torch.inference_mode():
            _, fine, _ = network(bad.preprocessing.normalise(images))
        marked = F.adaptive_max_pool2d(masks.float(), fine.shape[-2:])[:, 0] > 0
        contrast[weight] = fine[marked].mean() - fine[~marked].mean()
    assert contrast[3.0] > contrast[0.0] + 0.4
    cfg.GATE.MASK_LOSS_WEIGHT = 2.0
    with pytest.raises(ValueError, match="MASK_LOSS_WEIGHT is 2.0, but the run .* has 3.0"):
        train_gate(cfg, resume=True)


def test_a_network_without_feature_maps_is_refused_by_name(tmp_path: Path, toy: dict) -> None:
    cfg = make_config(tmp_path, MODEL="vit_tiny_patch16_224", IMAGE_SIZE=224, WIDTH=1.0)
    with pytest.raises(ValueError, match="GATE.MODEL 'vit_tiny_patch16_224' cannot judge patches"):
        train_gate(cfg)


@pytest.mark.parametrize(
    ("heights", "size", "sizes"),
    [
        ([32] * 20, 8, [6, 7, 7]),
        ([64] * 5, 8, [5]),
        ([32] * 9 + [64] * 16 + [96], 8, [1, 4, 5, 8, 8]),
    ],
)
def test_batches_hold_everything_once_and_one_height_each(
    heights: list, size: int, sizes: list
) -> None:
    batches = examples.make_batches(heights, size, seed=1, epoch=4)
    keys = sorted(key for batch in batches for key in batch)
    assert keys == [(4, index) for index in range(len(heights))]
    assert sorted(map(len, batches)) == sizes
    assert all(len({heights[index] for _, index in batch}) == 1 for batch in batches)
    assert batches != examples.make_batches(heights, size, seed=1, epoch=5)


def test_the_rate_rises_once_and_falls() -> None:
    rates = [rate(step, 100) for step in range(101)]
    assert rates[9] == rates[10] == 1.0
    assert np.all(np.diff(rates[:10]) > 0) and np.all(np.diff(rates[10:]) < 0)
    assert rates[100] == pytest.approx(0.001)


def test_figures_and_their_order() -> None:
    metrics = ranking_metrics(np.array([0.1, 0.9, 0.4, 0.8]), np.array([0, 0, 1, 1]))
    assert metrics == {"roc_auc": 0.5, "average_precision": pytest.approx(7 / 12)}
    assert ranking_metrics(np.array([0.1, 0.9]), np.array([1, 1])) == {}
    assert rank({"loss": 2.0, "average_precision": 0.9}) > rank(
        {"loss": 1.0, "average_precision": 0.8}
    )
    assert rank({"loss": 1.0}) > rank({"loss": 2.0})
