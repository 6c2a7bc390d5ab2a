"""What one engine writes, the other and Detectron2 alone go on with."""

import json
import shutil

import numpy as np
import pytest
import torch

from scratch_d2.config import flatten, load_config
from scratch_d2.data import get_dataset_dicts, read_image
from scratch_d2.engines import get_engine
from scratch_d2.engines.checkpoints import BEST_METRIC, BestModel
from scratch_d2.engines.embedded import MaskRCNN
from scratch_d2.engines.plain_config import TRAINING_KEYS
from tests.engines.parity import TINY

pytestmark = pytest.mark.detectron2
ENGINES = ("embedded", "d2")
DATA = ["DATASETS.TRAIN", "('tests_labels',)", "MODEL.DEVICE", "cpu"]


def config(folder, *opts):
    return load_config(TINY, [*DATA, "OUTPUT_DIR", str(folder), "DATASETS.TEST", "()", *opts])


def read(path):
    return torch.load(path, weights_only=True)


@pytest.fixture(scope="module")
def runs(labels, tmp_path_factory):
    """One run of six iterations by each engine, from one start, with a checkpoint after three."""
    root = tmp_path_factory.mktemp("exchange")
    opts = ["SOLVER.MAX_ITER", "6", "SOLVER.CHECKPOINT_PERIOD", "3", "SOLVER.BASE_LR", "0.01"]
    opts += ["MODEL.WEIGHTS", str(root / "start.pth"), "INPUT.MIN_SIZE_TRAIN", "(80, 96)"]
    opts += ["MODEL.RESNETS.NORM", "BN", "SOLVER.STEPS", "(4,)"]
    torch.manual_seed(3)
    torch.save({"model": MaskRCNN(config(root, *opts)).state_dict()}, root / "start.pth")
    for name in ENGINES:
        get_engine(name).train(config(root / name, *opts))
    return root, opts


def assert_same_run(first, second):
    first, second = read(first), read(second)
    assert list(first["model"]) == list(second["model"])
    for name, value in first["model"].items():
        torch.testing.assert_close(value, second["model"][name], atol=1e-6, rtol=1e-5)
    ours, theirs = first["trainer"], second["trainer"]
    assert ours["iteration"] == theirs["iteration"] == 5
    assert ours["hooks"]["LRScheduler"] == theirs["hooks"]["LRScheduler"]
    ours, theirs = (state["_trainer"]["optimizer"] for state in (ours, theirs))
    assert [g["params"] for g in ours["param_groups"]] == [
        g["params"] for g in theirs["param_groups"]
    ]
    assert [g["lr"] for g in ours["param_groups"]] == [g["lr"] for g in theirs["param_groups"]]
    for index, state in ours["state"].items():
        expected = theirs["state"][index]["momentum_buffer"]
        torch.testing.assert_close(state["momentum_buffer"], expected, atol=1e-5, rtol=1e-4)


def test_one_seed_is_one_run_whichever_the_engine(runs):
    root, _ = runs
    assert_same_run(root / "embedded" / "model_final.pth", root / "d2" / "model_final.pth")
    start, final = read(root / "start.pth"), read(root / "d2" / "model_final.pth")
    moved = "roi_heads.mask_head.predictor.weight"
    assert not torch.equal(start["model"][moved], final["model"][moved])


@pytest.mark.parametrize(("begins", "goes_on"), [ENGINES, ENGINES[::-1]])
def test_what_one_engine_began_the_other_ends(runs, tmp_path, begins, goes_on):
    root, opts = runs
    shutil.copy(root / begins / "model_0000002.pth", tmp_path)
    (tmp_path / "last_checkpoint").write_text("model_0000002.pth")
    final = get_engine(goes_on).train(config(tmp_path, *opts), resume=True)
    assert_same_run(final, root / begins / "model_final.pth")


@pytest.mark.parametrize("engine", ENGINES)
def test_detectron2_alone_loads_and_resumes(runs, tmp_path, engine):
    from detectron2.config import get_cfg
    from detectron2.engine import DefaultPredictor, DefaultTrainer

    root, opts = runs
    plain = get_cfg()
    plain.merge_from_file(str(root / engine / "config_d2.yaml"))
    wanted, found = flatten(config(root / engine, *opts)), flatten(plain)
    wanted["MODEL.WEIGHTS"] = str(root / engine / "model_final.pth")
    assert found.keys() == {k for k in wanted if not k.startswith(("SCRATCH.", "GATE."))}
    for key, value in found.items():
        if key not in TRAINING_KEYS:
            assert json.dumps(value) == json.dumps(wanted[key]), key

    photo = read_image(get_dataset_dicts("tests_labels")[-1]["file_name"])
    for cfg in (plain, config(root, *opts)):
        cfg.MODEL.ROI_HEADS.SCORE_THRESH_TEST = 0.0
    predicted = DefaultPredictor(plain)(photo[:, :, ::-1])["instances"]
    (ours,) = get_engine("embedded").load(
        config(root, *opts, "MODEL.ROI_HEADS.SCORE_THRESH_TEST", "0.0"), plain.MODEL.WEIGHTS
    )([photo])
    assert len(ours) == len(predicted) > 0
    np.testing.assert_allclose(ours.scores, predicted.scores, atol=1e-5)
    np.testing.assert_allclose(ours.boxes, predicted.pred_boxes.tensor, atol=1e-3)

    for name in ("model_0000002.pth", "last_checkpoint"):
        shutil.copy(root / engine / name, tmp_path)
    (tmp_path / "last_checkpoint").write_text("model_0000002.pth")
    plain.OUTPUT_DIR = str(tmp_path)
    trainer = DefaultTrainer(plain)
    trainer.resume_or_load(resume=True)
    assert trainer.start_iter == 3 and trainer.scheduler.last_epoch == 3
    optimizer = trainer._trainer.optimizer
    assert any("momentum_buffer" in state for state in optimizer.state.values())


def test_a_run_on_the_cpu_goes_on_with_mixed_precision(runs, tmp_path):
    from scratch_d2.engines.d2.engine import to_d2_config
    from scratch_d2.engines.d2.trainer import Trainer

    root, opts = runs
    shutil.copy(root / "embedded" / "model_0000002.pth", tmp_path)
    (tmp_path / "last_checkpoint").write_text("model_0000002.pth")
    cfg = to_d2_config(config(tmp_path, *opts))
    cfg.SOLVER.AMP.ENABLED = True  # as on a GPU; the checkpoint holds no scale of gradients
    trainer = Trainer(cfg)
    trainer.resume_or_load(resume=True)
    assert hasattr(trainer._trainer, "grad_scaler") and trainer.start_iter == 3


@pytest.mark.parametrize("engine", ENGINES)
def test_what_cannot_be_resumed_is_named(runs, tmp_path, engine):
    root, opts = runs
    for name in ("start.pth", f"{engine}/model_0000002.pth"):
        shutil.copy(root / name, tmp_path)
    (tmp_path / "last_checkpoint").write_text("start.pth")
    with pytest.raises(ValueError, match="start.pth' holds no trainer.iteration"):
        get_engine(engine).train(config(tmp_path, *opts), resume=True)
    (tmp_path / "last_checkpoint").write_text("model_0000002.pth")
    wider = config(tmp_path, *opts, "MODEL.ROI_BOX_HEAD.FC_DIM", "40")
    with pytest.raises(ValueError, match=r"architecture.*box_head.fc1.bias is \(32,\), wanted"):
        get_engine(engine).train(wider, resume=True)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_resumed_run_keeps_the_best_of_the_first(labels, tmp_path, engine):
    opts = ["DATASETS.TEST", "('tests_labels',)", "SOLVER.MAX_ITER", "2"]
    get_engine(engine).train(config(tmp_path, *opts))
    best = BestModel(tmp_path, resume=True)
    best.offer(torch.nn.Linear(1, 1), 99.0, iteration=1)
    get_engine(engine).train(config(tmp_path, *opts[:-1], "3"), resume=True)
    kept = read(tmp_path / "model_best.pth")
    assert kept[BEST_METRIC] == 99.0 and kept["model"].keys() == {"weight", "bias"}
    assert read(tmp_path / "model_final.pth")["iteration"] == 2
