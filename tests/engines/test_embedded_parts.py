"""Parts of the embedded engine: settings, boxes, matching, pasting, training targets."""

import numpy as np
import pytest
import torch

import scratch_d2.engines.embedded.boxes as boxes_module
from scratch_d2.config import load_config
from scratch_d2.engines.embedded.boxes import (
    decode_deltas,
    encode_deltas,
    match,
    pairwise_iou,
    sample,
)
from scratch_d2.engines.embedded.mapper import make_target
from scratch_d2.engines.embedded.model import pad_images, paste_mask
from scratch_d2.engines.embedded.settings import check_settings
from scratch_d2.structures.resizing import resized_shape
from scratch_d2.utils.device import pick_device

TINY = "quick_schedules/tiny_mask_rcnn_R_50_FPN.yaml"


@pytest.mark.parametrize(
    ("key", "value", "accepted"),
    [
        ("MODEL.KEYPOINT_ON", "True", "default, False"),
        ("MODEL.RETINANET.NUM_CONVS", "3", "default, 4"),
        ("MODEL.RESNETS.DEFORM_MODULATED", "True", "default, False"),
        ("MODEL.ROI_HEADS.NAME", "CascadeROIHeads", "'StandardROIHeads'"),
        ("MODEL.ROI_HEADS.NUM_CLASSES", "2", "scratch is the only class"),
        ("MODEL.RESNETS.DEPTH", "34", "50, 101, 152"),
        ("MODEL.RESNETS.NORM", "SyncBN", "'FrozenBN', 'BN'"),
        ("MODEL.MASK_ON", "False", "True"),
        ("MODEL.ANCHOR_GENERATOR.SIZES", "[[16], [32]]", "1 or 5 lists"),
        ("MODEL.RPN.IN_FEATURES", "['p2', 'p4']", "neighbours among p2"),
        ("MODEL.RPN.IOU_LABELS", "[0, 1]", "one label of -1, 0, 1 more"),
        ("INPUT.CROP.ENABLED", "True", "default, False"),
        ("INPUT.MASK_FORMAT", "polygon", "'bitmask'"),
        ("DATALOADER.FILTER_EMPTY_ANNOTATIONS", "True", "the negatives"),
        ("TEST.AUG.ENABLED", "True", "default, False"),
        ("SOLVER.LR_SCHEDULER_NAME", "Step", "'WarmupCosineLR'"),
        ("SOLVER.IMS_PER_BATCH", "0", "1 or more"),
        ("INPUT.MIN_SIZE_TRAIN_SAMPLING", "range", "are two sizes"),
    ],
)
def test_settings_refuse_by_name(key, value, accepted):
    with pytest.raises(ValueError, match=key.rpartition(".")[2]) as caught:
        check_settings(load_config(TINY, [key, value]), training=True)
    assert accepted in str(caught.value)


def test_settings_list_every_fault():
    cfg = load_config(TINY, ["MODEL.KEYPOINT_ON", "True", "VIS_PERIOD", "5"])
    with pytest.raises(ValueError, match="MODEL.KEYPOINT_ON is True") as caught:
        check_settings(cfg, training=True)
    assert "VIS_PERIOD is 5" in str(caught.value)


def test_settings_of_training_do_not_hinder_inference():
    training_only = ["INPUT.CROP.ENABLED", "True", "VIS_PERIOD", "5"]
    check_settings(load_config(TINY, training_only), training=False)
    with pytest.raises(ValueError, match="MODEL.KEYPOINT_ON is True") as caught:
        check_settings(load_config(TINY, [*training_only, "MODEL.KEYPOINT_ON", "True"]), False)
    assert "CROP" not in str(caught.value) and "VIS_PERIOD" not in str(caught.value)


def test_device_falls_back(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("cuda").type == "cpu"
    with pytest.raises(ValueError, match="MODEL.DEVICE is 'gpu'"):
        pick_device("gpu")


def test_deltas_invert():
    boxes = torch.tensor([[0.0, 0, 10, 20], [5, 5, 6, 30]])
    targets = torch.tensor([[2.0, -3, 14, 22], [5, 4, 9, 10]])
    weights = (10.0, 10.0, 5.0, 5.0)
    deltas = encode_deltas(boxes, targets, weights)
    assert deltas[0].tolist() == pytest.approx([3.0, -0.25, 5 * np.log(1.2), 5 * np.log(1.25)])
    torch.testing.assert_close(decode_deltas(deltas, boxes, weights), targets)


def test_iou_of_empty_boxes_is_zero():
    boxes = torch.tensor([[0.0, 0, 4, 4], [2, 2, 2, 2], [2, 0, 6, 4]])
    expected = [[1, 0, 1 / 3], [0, 0, 0], [1 / 3, 0, 1]]
    torch.testing.assert_close(pairwise_iou(boxes, boxes), torch.tensor(expected))


def test_match_bounds_and_every_target():
    """Boxes of 10 x 10 that overlap targets of 10 x 10 by 0, 0.3, 0.6 and 0.7 of their area."""
    boxes = torch.tensor([[x, 0.0, x + 10, 10] for x in (50.0, 100 + 70 / 13, 102.5, 130 / 17)])
    targets = [torch.tensor([[100.0, 0, 110, 10]]), torch.zeros(0, 4), boxes[[0, 3]] + 1]
    bounds = [0.3, 0.6], [0, -1, 1]
    index, label = match(boxes, targets, *bounds)
    assert label.tolist() == [[0, -1, 1, 0], [0, 0, 0, 0], [1, 0, 0, 1]]
    assert index.tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]]
    far = [torch.tensor([[100.0, 0, 110, 60]]), targets[1], targets[2]]
    assert match(boxes, far, *bounds)[1][0].tolist() == [0, 0, 0, 0]
    assert match(boxes, far, *bounds, every_target=True)[1].tolist() == [
        [0, 0, 1, 0],
        [0, 0, 0, 0],
        [1, 0, 0, 1],
    ]
    assert match(boxes, [torch.zeros(0, 4)], *bounds, True)[1].tolist() == [[0, 0, 0, 0]]


def test_images_match_alike_alone_and_together(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand((3, 40, 2, 2), generator=generator).cumsum(dim=2) * 50
    targets = [boxes[:count].flatten(1) for boxes, count in zip(corners, (3, 0, 7))]
    bounds = [0.3, 0.7], [0, -1, 1], True
    together = match(corners.flatten(2), targets, *bounds)
    assert (together[1] == 1).sum(dim=1).tolist()[1] == 0 < (together[1] == 1).sum()
    monkeypatch.setattr(boxes_module, "PAIRS_AT_ONCE", 1)
    for whole, part in zip(together, match(corners.flatten(2), targets, *bounds)):
        torch.testing.assert_close(whole, part)


@pytest.mark.parametrize(
    ("positives", "negatives", "expected"), [(9, 9, (2, 6)), (1, 9, (1, 7)), (9, 3, (2, 3))]
)
def test_sample_counts(positives, negatives, expected):
    row = torch.tensor([1] * positives + [0] * negatives + [-1] * 4)
    label = torch.stack([row, torch.full_like(row, -1), row.flip(0)])
    image, place, counts = sample(label, count=8, fraction=0.25)
    assert counts == [sum(expected), 0, sum(expected)]
    assert image.tolist() == [0] * counts[0] + [2] * counts[2]
    assert label[image, place].tolist() == ([1] * expected[0] + [0] * expected[1]) * 2
    assert len(set(zip(image.tolist(), place.tolist()))) == sum(counts)


@pytest.mark.parametrize(
    ("size", "expected"), [((90, 330), (96, 352)), ((300, 100), (256, 85)), ((96, 96), (96, 96))]
)
def test_resized_shape(size, expected):
    assert resized_shape(size, 96, 352 if size[0] < 300 else 256) == expected
    assert resized_shape(size, 0, 10) == size


def test_paste_fills_the_box_and_nothing_else():
    full = paste_mask(torch.ones(28, 28), torch.tensor([3.0, 2.0, 9.0, 7.0]), (10, 12))
    assert full.sum() == 30 and full[2:7, 3:9].all()
    half = torch.zeros(28, 28)
    half[:, :14] = 1
    # The middle column has the value 0.5, and the threshold itself is inside.
    pasted = paste_mask(half, torch.tensor([0.0, 0.0, 5.0, 1.0]), (1, 5))
    assert pasted.tolist() == [[True, True, True, False, False]]


@pytest.mark.parametrize("flip", ["horizontal", "vertical"])
def test_target_follows_the_image(flip):
    square = [2.0, 1.0, 5.0, 1.0, 5.0, 4.0, 2.0, 4.0]
    annotation = {"bbox": [2, 1, 5, 4], "bbox_mode": 0, "segmentation": [square]}
    item = {"height": 6, "width": 10, "annotations": [annotation], "file_name": "a.png"}
    target = make_target(item, (12, 20), flip)
    x0, y0, x1, y1 = [10, 2, 16, 8] if flip == "horizontal" else [4, 4, 10, 10]
    assert target.boxes.tolist() == [[x0, y0, x1, y1]]
    assert target.masks.sum() == 36 and target.masks[0, y0:y1, x0:x1].all()


def test_target_drops_what_vanishes():
    point = {"bbox": [0, 0, 1, 1], "bbox_mode": 0, "segmentation": [[0, 0, 1, 0, 1, 1, 0, 1]]}
    item = {"height": 60, "width": 60, "annotations": [point], "file_name": "a.png"}
    assert len(make_target(item, (60, 60), "none").boxes) == 1
    assert len(make_target(item, (20, 20), "none").boxes) == 0


def test_a_batch_is_padded_to_whole_strides_and_to_the_narrowest_width():
    images = [torch.ones(3, 40, 20), torch.ones(3, 33, 31)]
    assert pad_images(images).shape == (2, 3, 64, 32)
    padded = pad_images(images, 64)
    assert padded.shape == (2, 3, 64, 64) and padded.sum() == 3 * (40 * 20 + 33 * 31)
