"""The embedded engine as a whole: training, interruption, detection, evaluation."""

import json
import os
import signal
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from scratch_d2.config import load_config
from scratch_d2.data.catalog import get_dataset_dicts, register_scratch_dataset
from scratch_d2.engines import get_engine
from scratch_d2.engines.embedded import EmbeddedEngine, MaskRCNN
from scratch_d2.evaluation.settings import EvaluationSettings
from scratch_d2.structures.masks import decode_rle
from tests.builders import draw_label, rectangles, save

TINY = "quick_schedules/tiny_mask_rcnn_R_50_FPN.yaml"
NAME = "embedded_test"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Images of several sizes: four Good, three Bad with a streak, one Bad without a mask."""
    root, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for index, (height, width) in enumerate([(64, 96), (80, 72), (64, 96), (90, 130)]):
        image = draw_label(rng, height, width)
        save(image, root / "good" / f"g{index}.png")
        mask = rectangles(height, width, (10, 20, 60, 28))
        image[mask] = 250
        save(image, root / "bad" / f"b{index}.png")
        if index:
            save(mask.astype(np.uint8), root / "masks" / f"b{index}.png")
    register_scratch_dataset(NAME, root, replace=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCRATCH_D2_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield root


def tiny(output, *opts):
    fixed = ["DATASETS.TRAIN", f"('{NAME}',)", "DATASETS.TEST", "()", "OUTPUT_DIR", str(output)]
    return load_config(TINY, [*fixed, *opts])


@pytest.fixture(scope="module")
def trained(dataset, tmp_path_factory):
    """A run of 4 iterations, evaluated after 2 and at the end."""
    output = tmp_path_factory.mktemp("run")
    test = ["DATASETS.TEST", f"('{NAME}',)", "TEST.EVAL_PERIOD", "2"]
    cfg = tiny(output, *test, "MODEL.ROI_HEADS.SCORE_THRESH_TEST", "0.0")
    return cfg, EmbeddedEngine().train(cfg)


def test_training_writes_what_detectron2_users_know(trained):
    cfg, final = trained
    output = Path(cfg.OUTPUT_DIR)
    assert final == output / "model_final.pth"
    assert (output / "last_checkpoint").read_text() == "model_final.pth"
    written = {path.name for path in output.iterdir()}
    assert {
        "config.yaml",
        "log.txt",
        "thresholds.json",
        "model_0000001.pth",
        "model_0000003.pth",
    } <= written
    assert any(name.startswith("events.out.tfevents") for name in written)
    assert (output / "inference" / "coco_instances_results.json").is_file()
    content = torch.load(final, weights_only=True)
    assert content.keys() == {"model", "trainer", "iteration"}
    assert content["iteration"] == content["trainer"]["iteration"] == 3

    lines = [json.loads(line) for line in (output / "metrics.json").read_text().splitlines()]
    losses = ["loss_rpn_cls", "loss_rpn_loc", "loss_cls", "loss_box_reg", "loss_mask"]
    # SOLVER.WARMUP_ITERS is 2: full rate from the third iteration on.
    assert [line["lr"] for line in lines if "lr" in line][-1] == cfg.SOLVER.BASE_LR
    assert lines[0]["total_loss"] == pytest.approx(sum(lines[0][name] for name in losses), rel=0.5)
    assert {"iteration", "time", "data_time", "segm/AP"} <= lines[0].keys()
    best = torch.load(output / "model_best.pth", weights_only=True)
    assert best["model"].keys() == content["model"].keys()


def test_detector_is_the_trained_one_in_any_company(trained):
    cfg, final = trained
    detector = EmbeddedEngine().load(cfg, final)
    images = [np.array(Image.open(d["file_name"]).convert("RGB")) for d in get_dataset_dicts(NAME)]
    together = detector(images)
    assert [(p.height, p.width) for p in together] == [image.shape[:2] for image in images]
    assert sum(map(len, together)) > 0
    for image, prediction in zip(images, together):
        (alone,) = detector([image])
        np.testing.assert_allclose(alone.scores, prediction.scores, atol=1e-5)
        np.testing.assert_allclose(alone.boxes, prediction.boxes, atol=1e-2)
        assert (prediction.boxes[:, 2:] <= [image.shape[1], image.shape[0]]).all()
        for mask in prediction.masks:
            assert decode_rle(mask).shape == image.shape[:2]
    assert detector([]) == []
    with pytest.raises(ValueError, match="float64"):
        detector([images[0] / 255])


def test_evaluate_again_gives_the_final_metrics(trained, tmp_path):
    cfg, final = trained
    last = json.loads((Path(cfg.OUTPUT_DIR) / "metrics.json").read_text().splitlines()[-1])
    cfg = cfg.clone()
    cfg.OUTPUT_DIR = str(tmp_path)
    results = EmbeddedEngine().evaluate(cfg, final, EvaluationSettings.in_training(cfg))
    assert {"bbox", "segm", "image"} <= results.keys()
    assert results["segm"]["AP"] == pytest.approx(last["segm/AP"], nan_ok=True)


def test_several_datasets_come_by_name(trained, dataset, tmp_path):
    cfg, final = trained
    register_scratch_dataset(f"{NAME}_again", dataset, replace=True)
    names = f"('{NAME}', '{NAME}_again')"
    cfg = tiny(tmp_path, "DATASETS.TEST", names, "DATALOADER.NUM_WORKERS", "2")
    cfg.merge_from_list(["SOLVER.MAX_ITER", 1, "MODEL.WEIGHTS", str(final)])
    EmbeddedEngine().train(cfg)
    line = json.loads((tmp_path / "metrics.json").read_text().splitlines()[-1])
    assert line[f"{NAME}/segm/AP"] == line[f"{NAME}_again/segm/AP"]
    assert (tmp_path / "model_best.pth").is_file()
    assert (tmp_path / "inference" / NAME / "coco_instances_results.json").is_file()


def test_load_refuses_another_architecture(trained):
    cfg, final = trained
    wide = cfg.clone()
    wide.MODEL.FPN.OUT_CHANNELS = 32
    with pytest.raises(ValueError, match=r"fpn_lateral2\.weight is \(16, .*wanted \(32, "):
        EmbeddedEngine().load(wide, final)


def states_equal(first, second):
    first, second = (torch.load(path, weights_only=True)["model"] for path in (first, second))
    return all(torch.equal(first[name], second[name]) for name in first)


def test_resume_after_sigkill_without_detectron2_ends_at_the_same_weights(dataset, tmp_path):
    opts = ["SOLVER.MAX_ITER", "6", "SOLVER.BASE_LR", "0.01", "SOLVER.CHECKPOINT_PERIOD", "2"]
    whole = EmbeddedEngine().train(tiny(tmp_path / "whole", *opts))
    script = f"""
import os, signal, sys
sys.modules["detectron2"] = None
from scratch_d2.config import load_config
from scratch_d2.data.catalog import register_scratch_dataset
from scratch_d2.engines.embedded import EmbeddedEngine
import scratch_d2.engines.embedded.train as loop
register_scratch_dataset({NAME!r}, {str(dataset)!r})
real = loop.step
def step(cfg, model, batch, optimizer, scaler, iteration):
    if iteration == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(cfg, model, batch, optimizer, scaler, iteration)
loop.step = step
"""
    killed = tiny(tmp_path / "killed", *opts)
    (tmp_path / "cfg.yaml").write_text(killed.dump())
    script += f"EmbeddedEngine().train(load_config({str(tmp_path / 'cfg.yaml')!r}))\n"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env={**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert (tmp_path / "killed" / "last_checkpoint").read_text() == "model_0000001.pth"
    resumed = EmbeddedEngine().train(killed, resume=True)
    assert states_equal(whole, resumed)
    stamp = resumed.stat().st_mtime_ns
    assert EmbeddedEngine().train(killed, resume=True) == resumed
    assert resumed.stat().st_mtime_ns == stamp


def test_resume_refuses_what_is_no_training_run(dataset, tmp_path):
    cfg = tiny(tmp_path)
    torch.save({"model": MaskRCNN(cfg).state_dict(), "iteration": 1}, tmp_path / "model_1.pth")
    (tmp_path / "last_checkpoint").write_text("model_1.pth")
    with pytest.raises(ValueError, match="model_1.pth' holds no trainer.iteration, .*optimizer"):
        EmbeddedEngine().train(cfg, resume=True)


def test_a_diverging_loss_is_an_error_that_names_the_iteration(dataset, tmp_path, monkeypatch):
    def overflow(model, path):
        model.roi_heads.box_predictor.cls_score.weight.data.fill_(3e38)  # the sums overflow

    monkeypatch.setattr("scratch_d2.engines.embedded.train.load_initial_weights", overflow)
    cfg = tiny(tmp_path / "out", "MODEL.WEIGHTS", "start.pth")
    with pytest.raises(FloatingPointError, match=r"iteration 0: .*loss_cls: nan"):
        EmbeddedEngine().train(cfg)


@pytest.mark.parametrize("native", [True, False])
def test_mixed_precision_on_a_processor(dataset, tmp_path, monkeypatch, native):
    monkeypatch.setattr("scratch_d2.engines.embedded.train.has_bfloat16", lambda device: native)
    engine, short = EmbeddedEngine(), ["SOLVER.MAX_ITER", "2"]
    plain = engine.train(tiny(tmp_path / "float32", *short))
    mixed = engine.train(tiny(tmp_path / "mixed", *short, "SOLVER.AMP.ENABLED", "True"))
    assert states_equal(plain, mixed) is not native
    ours, theirs = (torch.load(path, weights_only=True)["model"] for path in (plain, mixed))
    for name, value in ours.items():
        assert value.dtype == theirs[name].dtype
        torch.testing.assert_close(theirs[name], value, atol=0.02, rtol=0.05)
    log = (tmp_path / "mixed" / "log.txt").read_text()
    assert ("this processor has no bfloat16: training in float32" in log) is not native


def test_backbone_of_a_gate_starts_training(dataset, tmp_path):
    timm = pytest.importorskip("timm")
    channels = (8, 16, 32, 64)
    gate = timm.create_model("resnet50", pretrained=False, num_classes=1, channels=channels)
    torch.save({"model": gate.state_dict()}, tmp_path / "gate.pth")
    widths = ["STEM_OUT_CHANNELS", 64, "RES2_OUT_CHANNELS", 32, "WIDTH_PER_GROUP", 8]
    opts = [f"MODEL.RESNETS.{v}" if isinstance(v, str) else str(v) for v in widths]
    fixed = ["MODEL.WEIGHTS", str(tmp_path / "gate.pth"), "SOLVER.MAX_ITER", "1"]
    fixed += ["MODEL.RESNETS.NORM", "BN"]
    final = EmbeddedEngine().train(
        tiny(tmp_path / "out", *opts, *fixed, "SOLVER.BASE_LR", "1e-12", "SOLVER.STEPS", "()")
    )
    state = torch.load(final, weights_only=True)["model"]
    weight = state["backbone.bottom_up.res4.2.conv2.weight"]
    torch.testing.assert_close(weight, gate.state_dict()["layer3.2.conv2.weight"])


def test_engine_by_name_runs_in_one_process():
    engine = get_engine("embedded")
    assert engine.name == "embedded"
    args = Namespace(num_gpus=1, num_machines=1)
    assert engine.launch(lambda given: given is args, args)
    with pytest.raises(ValueError, match="--num-gpus is 2; .* accepts 1"):
        engine.launch(print, Namespace(num_gpus=2, num_machines=1))
