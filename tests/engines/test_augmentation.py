"""Turns and light of training images."""

import numpy as np
import pytest

from scratch_d2.config import load_config
from scratch_d2.engines.augmentation import augment, light, turn
from scratch_d2.engines.embedded.mapper import make_target
from scratch_d2.structures.masks import decode_rle, encode_rle, mask_to_box
from tests.builders import rectangles

BOX = (3, 5, 12, 9)


@pytest.fixture
def sample():
    """A 20 x 30 px image whose only bright pixels are those of its scratch."""
    mask = rectangles(20, 30, BOX)
    image = np.repeat(mask[..., None], 3, axis=2).astype(np.uint8) * 200
    annotation = {"bbox": list(BOX), "bbox_mode": 0, "segmentation": encode_rle(mask)}
    return {"height": 20, "width": 30, "file_name": "a.png", "annotations": [annotation]}, image


@pytest.mark.parametrize("count", [1, 2, 3])
def test_box_and_mask_follow_the_image(sample, count):
    item, image = turn(*sample, count)
    bright = image[..., 0] > 0
    assert image.shape[:2] == (item["height"], item["width"])
    assert (item["height"], item["width"]) == ((20, 30) if count == 2 else (30, 20))
    (annotation,) = item["annotations"]
    assert (decode_rle(annotation["segmentation"]) == bright).all()
    assert annotation["bbox"] == mask_to_box(bright)
    assert (make_target(item, bright.shape, "none").masks[0].numpy() == bright).all()


def test_light_keeps_the_order_of_grey_levels_and_the_mean_without_brightness():
    image = np.arange(100, 200, dtype=np.uint8).reshape(10, 10, 1).repeat(3, axis=2)
    flat = light(image, 0.5, 1.0)
    assert flat.mean() == pytest.approx(image.mean(), abs=0.5)
    assert np.ptp(flat) == pytest.approx(np.ptp(image) / 2, abs=1)
    assert light(image, 1.0, 1.2).mean() == pytest.approx(1.2 * image.mean(), abs=0.5)
    assert light(image, 1.0, 3.0).max() == 255


def test_nothing_is_drawn_unless_a_key_asks_for_it(sample):
    np.random.seed(3)
    item, image = augment(*sample, load_config())
    assert item is sample[0] and image is sample[1]
    drawn = np.random.uniform()
    np.random.seed(3)
    assert drawn == np.random.uniform()


@pytest.mark.parametrize(
    ("turns", "shapes"), [("half", {(20, 30)}), ("quarter", {(20, 30), (30, 20)})]
)
def test_turns_are_drawn(sample, turns, shapes):
    cfg = load_config(opts=["SCRATCH.RANDOM_TURN", turns, "SCRATCH.RANDOM_LIGHT", "0.3"])
    np.random.seed(0)
    seen = [augment(*sample, cfg) for _ in range(30)]
    assert {image.shape[:2] for _, image in seen} == shapes
    assert len({int(image.max()) for _, image in seen}) > 10
    assert len({tuple(item["annotations"][0]["bbox"]) for item, _ in seen}) == len(shapes) * 2


def test_the_mappers_of_both_engines_turn_and_light_alike(sample, tmp_path):
    pytest.importorskip("detectron2", reason="Detectron2 is not installed in this Python")
    from PIL import Image

    from scratch_d2.engines.d2.mapper import ScratchMapper
    from scratch_d2.engines.embedded.mapper import TrainingMapper

    item, image = sample
    Image.fromarray(image).save(tmp_path / "a.png")
    item["file_name"] = str(tmp_path / "a.png")
    item["annotations"][0] |= {"category_id": 0, "iscrowd": 0, "bbox_mode": 0}
    opts = ["SCRATCH.RANDOM_TURN", "quarter", "SCRATCH.RANDOM_LIGHT", "0.3"]
    cfg = load_config("configs/Base-Scratch-RCNN-FPN.yaml", opts)
    for seed in range(6):
        np.random.seed(seed)
        ours, target = TrainingMapper(cfg)(item)
        np.random.seed(seed)
        theirs = ScratchMapper(cfg, is_train=True)(item)
        assert (ours == theirs["image"]).all()
        assert (target.masks == theirs["instances"].gt_masks.tensor).all()
