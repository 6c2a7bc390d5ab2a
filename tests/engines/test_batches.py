"""The order of training images, and the random numbers of a run, alike in both engines."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest
import torch

from scratch_d2.config import load_config
from scratch_d2.data import get_dataset_dicts
from scratch_d2.engines.batches import (
    TrainingOrder,
    name_shape,
    new_seed,
    repeat_factors,
    training_loader,
)
from scratch_d2.engines.embedded.mapper import TrainingMapper
from tests.engines.parity import TINY, both_configs

SIZES = ["INPUT.MIN_SIZE_TRAIN", "[64, 80, 96]"]


def indices(order, count):
    return [index for batch in islice(order, count) for _, _, index in batch]


def test_every_image_comes_once_a_round_in_batches_of_one_shape():
    shapes = [True, False, False, True, True, True]
    batches = [
        [index for _, _, index in batch]
        for batch in islice(TrainingOrder(shapes, batch=2, seed=1), 30)
    ]
    assert all(shapes[first] == shapes[second] for first, second in batches)
    assert set(Counter(sum(batches, []))) == set(range(6))
    assert sorted(indices(TrainingOrder([None] * 6, batch=2, seed=1), 3)) == list(range(6))


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        (["DATALOADER.ASPECT_RATIO_GROUPING", "False"], [0, 0, 0, 0, 0, 0]),
        ([], [0, 0, 0, 1, 1, 1]),
        (["SCRATCH.ASPECT_GROUPS", "2"], [0, 0, 1, 2, 3, 2]),
        (["SCRATCH.ASPECT_GROUPS", "4"], [0, 1, 2, 3, 4, 3]),
    ],
)
def test_groups_part_images_by_aspect(keys, named):
    sizes = [(100, 25), (100, 50), (100, 99), (100, 100), (50, 100), (76, 100)]
    cfg = load_config(TINY, keys)
    names = [name_shape(cfg, {"width": width, "height": height}) for width, height in sizes]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    assert [numbers[name] for name in names] == named


def test_the_order_continues_and_processes_share_it():
    order = TrainingOrder([True, False] * 4, batch=2, seed=3)
    whole = list(islice(order, 12))
    order.start = 7
    assert list(islice(order, 5)) == whole[7:]
    alone = TrainingOrder([True] * 8, batch=2, seed=3)
    pair = [TrainingOrder([True] * 8, batch=1, seed=3, rank=rank, world=2) for rank in (0, 1)]
    for both, first, second in zip(islice(alone, 9), *(islice(order, 9) for order in pair)):
        assert both == first + second


def test_batches_continue_after_an_interruption(labels):
    cfg = load_config(TINY, SIZES)
    dicts = get_dataset_dicts("tests_labels")

    def batches(start):
        loader = training_loader(cfg, dicts, TrainingMapper(cfg), seed=3)
        loader.batch_sampler.start = start
        return loader

    whole = list(islice(batches(0), 9))
    for batch, expected in zip(islice(batches(5), 4), whole[5:], strict=True):
        for (image, target), (image_, target_) in zip(batch, expected):
            assert torch.equal(image, image_) and torch.equal(target.boxes, target_.boxes)
    assert len({image.shape for batch in whole for image, _ in batch}) == 3


def test_a_seed_by_chance_fits_both_engines():
    assert new_seed(load_config(None, ["SEED", "7"])) == 7
    drawn = {new_seed(load_config(None, ["SEED", "-1"])) for _ in range(4)}
    assert len(drawn) == 4 and all(0 <= seed < 2**31 for seed in drawn)


@pytest.mark.parametrize(
    ("count", "world", "message"), [(0, 1, "hold no image"), (4, 3, "of the 3")]
)
def test_what_cannot_be_loaded_is_named(count, world, message):
    dicts = [{"width": 2, "height": 1}] * count
    with pytest.raises(ValueError, match=message):
        training_loader(load_config(TINY), dicts, print, seed=0, world=world)


@pytest.mark.detectron2
@pytest.mark.parametrize("rank", [0, 1])
def test_order_is_that_of_the_training_sampler(rank):
    from detectron2.data.samplers import TrainingSampler

    sampler = TrainingSampler(7, seed=3)
    sampler._rank, sampler._world_size = rank, 2
    order = TrainingOrder([True] * 7, batch=2, seed=3, rank=rank, world=2)
    assert indices(order, 10) == list(islice(sampler, 20))


@pytest.mark.detectron2
@pytest.mark.parametrize("sqrt", [True, False])
def test_order_with_scratched_images_repeated(sqrt):
    from detectron2.data.samplers import RepeatFactorTrainingSampler as Sampler

    scratch = [{"category_id": 0}]
    dicts = [{"annotations": scratch if index % 3 == 0 else []} for index in range(10)]
    opts = ["SAMPLER_TRAIN", "RepeatFactorTrainingSampler", "REPEAT_THRESHOLD", "0.9"]
    opts = [text if n % 2 else f"DATALOADER.{text}" for n, text in enumerate(opts)]
    repeats = repeat_factors(load_config(None, [*opts, "DATALOADER.REPEAT_SQRT", str(sqrt)]), dicts)
    theirs = Sampler.repeat_factors_from_category_frequency(dicts, 0.9, sqrt=sqrt)
    torch.testing.assert_close(repeats, theirs)
    order = TrainingOrder([True] * 10, batch=2, seed=3, repeats=repeats)
    assert indices(order, 20) == list(islice(Sampler(theirs, seed=3), 40))


@pytest.mark.detectron2
@pytest.mark.parametrize(
    "opts", [[], [*SIZES, "INPUT.RANDOM_FLIP", "vertical"], ["INPUT.RANDOM_FLIP", "none"]]
)
def test_both_engines_train_on_the_same_pixels(labels, opts):
    from scratch_d2.engines.d2.trainer import Trainer

    cfg, d2_cfg = both_configs(opts=["DATASETS.TRAIN", "('tests_labels',)", *opts])
    dicts = get_dataset_dicts("tests_labels")
    ours = training_loader(cfg, dicts, TrainingMapper(cfg), cfg.SEED, repeat_factors(cfg, dicts))
    theirs, shapes = Trainer.build_train_loader(d2_cfg), []
    for batch, expected in zip(islice(ours, 8), theirs):
        for (image, target), item in zip(batch, expected, strict=True):
            assert torch.equal(image, item["image"])
            np.testing.assert_allclose(target.boxes, item["instances"].gt_boxes.tensor, atol=1e-5)
            if len(target.boxes):
                assert torch.equal(target.masks, item["instances"].gt_masks.tensor)
            shapes.append(len(target.boxes))
    assert {0, 1} <= set(shapes)
