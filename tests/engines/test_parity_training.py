"""Training in the embedded engine against Detectron2: losses, steps, rates, targets, order."""

import numpy as np
import pytest
import torch

from scratch_d2.engines.embedded.mapper import make_target
from scratch_d2.engines.embedded.solver import clip_gradients, make_optimizer, make_schedule
from scratch_d2.structures.masks import encode_rle
from scratch_d2.structures.resizing import resized_shape
from tests.engines.parity import VARIANTS, batch, both_configs, both_models, d2_losses

pytestmark = pytest.mark.detectron2


@pytest.mark.parametrize("opts", VARIANTS)
def test_losses_from_one_seed(opts):
    _, ours, theirs = both_models(opts)
    images, targets = batch()
    torch.manual_seed(5)
    losses = ours.train()(images, targets)
    torch.manual_seed(5)
    expected = d2_losses(theirs.train(), images, targets)
    assert losses.keys() == expected.keys()
    for name, loss in losses.items():
        assert loss.item() == pytest.approx(expected[name].item(), rel=1e-4, abs=1e-6), name


def test_images_without_scratches_alone():
    _, ours, theirs = both_models()
    images, targets = batch()
    torch.manual_seed(5)
    losses = ours.train()(images[1:2], targets[1:2])
    torch.manual_seed(5)
    expected = d2_losses(theirs.train(), images[1:2], targets[1:2])
    assert losses["loss_mask"] == losses["loss_rpn_loc"] == losses["loss_box_reg"] == 0
    for name in ("loss_cls", "loss_rpn_cls"):
        assert losses[name].item() == pytest.approx(expected[name].item(), rel=1e-4)


SOLVERS = [
    ["SOLVER.STEPS", "[5, 8]", "SOLVER.WARMUP_ITERS", "3"],
    ["SOLVER.LR_SCHEDULER_NAME", "WarmupCosineLR", "SOLVER.BASE_LR_END", "0.0001"],
    ["SOLVER.WARMUP_METHOD", "constant", "SOLVER.STEPS", "[7]", "SOLVER.RESCALE_INTERVAL", "True"],
]


@pytest.mark.parametrize("opts", SOLVERS)
def test_learning_rates(opts):
    from detectron2.solver import build_lr_scheduler

    cfg, d2_cfg = both_configs(opts=["SOLVER.MAX_ITER", "12", *opts])
    rates = []
    for config, build in ((cfg, make_schedule), (d2_cfg, build_lr_scheduler)):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.5)
        schedule = build(config, optimizer)
        rates.append([])
        for _ in range(12):
            rates[-1].append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
    assert rates[0] == pytest.approx(rates[1], rel=1e-9)
    assert len(set(rates[0])) > 2


@pytest.mark.parametrize("clip", ["norm", "value"])
def test_three_steps_of_training(clip):
    from detectron2.solver import build_lr_scheduler, build_optimizer

    opts = [
        *("MODEL.RESNETS.NORM", "BN", "SOLVER.CLIP_GRADIENTS.CLIP_TYPE", clip),
        *("SOLVER.CLIP_GRADIENTS.CLIP_VALUE", "0.01", "SOLVER.WEIGHT_DECAY_BIAS", "0.001"),
        *("SOLVER.BIAS_LR_FACTOR", "2.0", "SOLVER.BASE_LR", "0.01", "SOLVER.NESTEROV", "True"),
    ]
    cfg, ours, theirs = both_models(opts)
    d2_cfg = both_configs(opts=opts)[1]
    runs = [
        (ours, make_optimizer(cfg, ours), make_schedule),
        (theirs, build_optimizer(d2_cfg, theirs), build_lr_scheduler),
    ]
    images, targets = batch()
    for model, optimizer, make in runs:
        model.train()
        schedule = make(cfg if model is ours else d2_cfg, optimizer)
        for seed in range(3):
            torch.manual_seed(seed)
            call = model if model is ours else lambda *data: d2_losses(theirs, *data)
            optimizer.zero_grad()
            sum(call(images, targets).values()).backward()
            if model is ours:
                clip_gradients(cfg, optimizer)
            optimizer.step()
            schedule.step()
    expected = theirs.state_dict()
    for name, value in ours.state_dict().items():
        torch.testing.assert_close(value, expected[name], atol=1e-4, rtol=1e-3, msg=name)


@pytest.mark.parametrize("flip", ["none", "horizontal", "vertical"])
def test_targets_as_from_the_dataset_mapper(flip):
    from detectron2.data import detection_utils
    from detectron2.data import transforms as T

    mask = np.zeros((97, 133), dtype=bool)
    mask[10:40, 20:22] = mask[50:90, 60:130] = True
    mask[60:70, 70:80] = False
    annotation = {
        "bbox": [20.0, 10.0, 130.0, 90.0],
        "bbox_mode": 0,
        "category_id": 0,
        "segmentation": encode_rle(mask),
    }
    size = resized_shape((97, 133), 120, 150)
    assert size == T.ResizeShortestEdge.get_output_shape(97, 133, 120, 150)
    moves = [T.ResizeTransform(97, 133, *size)]
    if flip != "none":
        moves.append(
            T.HFlipTransform(size[1]) if flip == "horizontal" else T.VFlipTransform(size[0])
        )
    moved = detection_utils.transform_instance_annotations(dict(annotation), moves, size)
    expected = detection_utils.annotations_to_instances([moved], size, "bitmask")
    target = make_target({"height": 97, "width": 133, "annotations": [annotation]}, size, flip)
    torch.testing.assert_close(target.boxes, expected.gt_boxes.tensor)
    assert torch.equal(target.masks, expected.gt_masks.tensor)
