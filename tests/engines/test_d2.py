"""The engine d2 against the real Detectron2; imports of it stay inside the tests."""

import json
import shutil

import numpy as np
import pytest
import torch

from scratch_d2.data import get_dataset_dicts, read_image, read_mask, register_scratch_dataset
from scratch_d2.engines import get_engine
from scratch_d2.evaluation.settings import EvaluationSettings
from tests.builders import rectangles, save, write_dataset

pytestmark = pytest.mark.detectron2


@pytest.fixture(scope="module")
def trained(labels, tmp_path_factory):
    """A tiny model after four iterations, and the config it was trained with."""
    from scratch_d2.config import load_config

    names, folder = "('tests_labels',)", str(tmp_path_factory.mktemp("d2"))
    opts = ["DATASETS.TRAIN", names, "DATASETS.TEST", names, "OUTPUT_DIR", folder]
    cfg = load_config("quick_schedules/tiny_mask_rcnn_R_50_FPN.yaml", opts)
    return cfg, get_engine("d2").train(cfg)


def test_training_writes_what_detectron2_users_expect(trained):
    cfg, weights = trained
    names = {path.name for path in weights.parent.iterdir()}
    expected = {"config.yaml", "log.txt", "metrics.json", "last_checkpoint", "model_0000001.pth"}
    assert expected | {"model_best.pth", "model_final.pth", "thresholds.json"} <= names
    assert any(name.startswith("events.out.tfevents") for name in names)
    assert (weights.parent / "inference" / "coco_instances_results.json").is_file()
    checkpoint = torch.load(weights, weights_only=True)
    assert checkpoint["iteration"] == 3
    assert "backbone.bottom_up.res2.0.conv1.norm.running_mean" in checkpoint["model"]
    lines = (weights.parent / "metrics.json").read_text().splitlines()
    assert "total_loss" in json.loads(lines[0])


def test_evaluation_and_prediction_agree(trained):
    cfg, weights = trained
    engine = get_engine("d2")
    results = engine.evaluate(cfg, weights, EvaluationSettings.in_training(cfg))
    assert set(results) == {"bbox", "segm", "image", "pixel", "leak", "speed"}
    assert all(isinstance(v, float) for values in results.values() for v in values.values())
    dicts = get_dataset_dicts("tests_labels")
    detector = engine.load(cfg, weights)
    found = detector([read_image(item["file_name"]) for item in dicts])
    saved = json.loads((weights.parent / "inference/coco_instances_results.json").read_text())
    for item, prediction in zip(dicts, found):
        scores = [r["score"] for r in saved if r["image_id"] == item["image_id"]]
        np.testing.assert_allclose(prediction.scores, scores, atol=1e-5)


def test_the_figures_of_an_evaluation_are_those_that_training_logged(trained):
    from detectron2.evaluation.testing import flatten_results_dict
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    cfg, weights = trained
    board = EventAccumulator(str(weights.parent)).Reload()
    logged = {tag: board.Scalars(tag)[-1].value for tag in board.Tags()["scalars"]}
    settings = EvaluationSettings.in_training(cfg)
    figures = flatten_results_dict(get_engine("d2").evaluate(cfg, weights, settings))
    assert {"image/area_F1_bad_low", "segm/AP_thin", "pixel/dice", "speed/ms_detector"} <= set(
        figures
    )
    for name, value in figures.items():
        if not name.startswith("speed/"):
            assert logged[name] == pytest.approx(value, rel=1e-6, nan_ok=True)
    assert logged["speed/ms_detector"] > 1 and figures["speed/ms_read"] > 0.01


def test_the_evaluator_stands_beside_detectron2s_own(trained, tmp_path):
    from detectron2.evaluation import COCOEvaluator, DatasetEvaluators
    from detectron2.modeling import build_model

    from scratch_d2.checkpoints.loading import load_weights
    from scratch_d2.engines.d2.evaluator import ScratchEvaluator
    from scratch_d2.engines.d2.settings import to_d2_config
    from scratch_d2.engines.d2.trainer import Trainer

    cfg = to_d2_config(trained[0])
    cfg.TEST.DETECTIONS_PER_IMAGE = 100
    model = build_model(cfg)
    load_weights(model, trained[1])
    coco = COCOEvaluator("tests_labels", ("bbox", "segm"), False, str(tmp_path / "theirs"))
    ours = ScratchEvaluator(cfg, "tests_labels", tmp_path / "ours", tasks=["image", "pixel"])
    results = Trainer.test(cfg, model, [DatasetEvaluators([coco, ours])])
    assert set(results) == {"bbox", "segm", "image", "pixel"}
    own = json.loads((tmp_path / "ours" / "evaluation.json").read_text())
    for task in ("bbox", "segm"):
        assert own[task]["AP50"] == pytest.approx(results[task]["AP50"], nan_ok=True)
    for folder in ("ours", "theirs"):
        rows = json.loads((tmp_path / folder / "coco_instances_results.json").read_text())
        assert {row["category_id"] for row in rows} == {1}
    with pytest.raises(ValueError, match="tasks are .'box'.; accepted is a list of bbox, segm, im"):
        ScratchEvaluator(cfg, "tests_labels", tasks=["box"])


def test_a_batch_gives_what_single_images_give(trained):
    cfg, weights = trained
    detector = get_engine("d2").load(cfg, weights)
    images = [read_image(item["file_name"]) for item in get_dataset_dicts("tests_labels")[:3]]
    images += [images[0][:40], images[1].transpose(1, 0, 2), images[2][:, :50]]
    for image, together in zip(images, detector(images)):
        (alone,) = detector([image])
        np.testing.assert_allclose(alone.scores, together.scores, atol=1e-5)
        np.testing.assert_allclose(alone.boxes, together.boxes, atol=1e-3)
    assert detector([]) == []


def test_resuming_reaches_the_same_iteration(trained):
    cfg, weights = trained
    cfg = cfg.clone()
    cfg.SOLVER.MAX_ITER = 6
    get_engine("d2").train(cfg, resume=True)
    assert torch.load(weights, weights_only=True)["iteration"] == 5
    lines = (weights.parent / "log.txt").read_text()
    assert "Starting training from iteration 4" in lines
    assert "optimizer" not in torch.load(weights.parent / "model_best.pth", weights_only=True)


def test_good_images_train_and_unmarked_bad_ones_do_not(tmp_path):
    from scratch_d2.config import load_config
    from scratch_d2.engines.d2.engine import to_d2_config
    from scratch_d2.engines.d2.trainer import Trainer

    (write_dataset(tmp_path, good=2, bad=2) / "masks" / "bad0.png").unlink()
    register_scratch_dataset("tests_d2_mixed", tmp_path, replace=True)
    opts = ["DATASETS.TRAIN", "('tests_d2_mixed',)", "SOLVER.IMS_PER_BATCH", "8"]
    tiny = "quick_schedules/tiny_mask_rcnn_R_50_FPN.yaml"
    loader = Trainer.build_train_loader(to_d2_config(load_config(tiny, opts)))
    batch = next(iter(loader))
    names = {item["file_name"].rsplit("/", 1)[1]: len(item["instances"]) for item in batch}
    assert names == {"good0.png": 0, "good1.png": 0, "bad1.png": 1}


@pytest.mark.parametrize("crop", ["True", "False"])
def test_the_mapper_keeps_thin_masks_and_survives_crops(tmp_path, crop):
    from scratch_d2.config import load_config
    from scratch_d2.engines.d2.engine import to_d2_config
    from scratch_d2.engines.d2.mapper import ScratchMapper

    thin = rectangles(96, 96, (10, 40, 80, 41))
    save(np.full((96, 96, 3), 200, np.uint8), tmp_path / "bad" / "a.png")
    save(np.full((96, 96, 3), 200, np.uint8), tmp_path / "good" / "b.png")
    save(thin.astype(np.uint8), tmp_path / "masks" / "a.png")
    register_scratch_dataset("tests_thin", tmp_path, replace=True)
    opts = ["INPUT.CROP.ENABLED", crop, "INPUT.RANDOM_FLIP", "none"]
    cfg = to_d2_config(load_config("quick_schedules/tiny_mask_rcnn_R_50_FPN.yaml", opts))
    mapper = ScratchMapper(cfg, is_train=True)
    good, bad = (mapper(item) for item in get_dataset_dicts("tests_thin"))
    assert len(good["instances"]) == 0 and good["image"].shape[0] == 3
    if crop == "False":
        mask = bad["instances"].gt_masks.tensor[0].numpy()
        np.testing.assert_array_equal(mask, read_mask(tmp_path / "masks" / "a.png"))


def test_a_plain_detectron2_project_trains_on_the_dataset(tmp_path):
    from detectron2.config import get_cfg
    from detectron2.engine import DefaultTrainer

    register_scratch_dataset("tests_plain", write_dataset(tmp_path / "data"), replace=True)
    cfg = get_cfg()
    cfg.DATASETS.TRAIN, cfg.DATASETS.TEST = ("tests_plain",), ()
    cfg.MODEL.DEVICE, cfg.MODEL.MASK_ON, cfg.MODEL.ROI_HEADS.NUM_CLASSES = "cpu", True, 1
    cfg.MODEL.RESNETS.STEM_OUT_CHANNELS, cfg.MODEL.RESNETS.RES2_OUT_CHANNELS = 8, 16
    cfg.MODEL.RESNETS.WIDTH_PER_GROUP, cfg.INPUT.MIN_SIZE_TRAIN = 4, (64,)
    cfg.SOLVER.MAX_ITER, cfg.SOLVER.IMS_PER_BATCH, cfg.DATALOADER.NUM_WORKERS = 2, 2, 0
    cfg.OUTPUT_DIR = str(tmp_path)
    trainer = DefaultTrainer(cfg)
    trainer.resume_or_load(resume=False)
    trainer.train()
    assert trainer.iter == 2 and (tmp_path / "model_final.pth").is_file()


def test_an_unknown_dataset_is_named(tiny_cfg):
    tiny_cfg.DATASETS.TRAIN = ["tests_nowhere"]
    with pytest.raises(ValueError, match="dataset 'tests_nowhere' is not registered"):
        get_engine("d2").train(tiny_cfg)


def test_other_architectures_and_missing_weights_are_named(trained, tmp_path):
    cfg, weights = trained
    wide = cfg.clone()
    wide.MODEL.RESNETS.RES2_OUT_CHANNELS = 32
    with pytest.raises(ValueError, match="another architecture than the config: backbone"):
        get_engine("d2").load(wide, weights)
    with pytest.raises(FileNotFoundError, match="weights 'nowhere.pth': no such file"):
        get_engine("d2").load(cfg, "nowhere.pth")
    shutil.copy(weights, tmp_path / "cut.pth")
    with open(tmp_path / "cut.pth", "r+b") as file:
        file.truncate(1000)
    with pytest.raises(ValueError, match="cut.pth' cannot be read as a checkpoint"):
        get_engine("d2").load(cfg, tmp_path / "cut.pth")
