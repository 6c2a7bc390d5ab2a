"""The embedded engine against numbers that Detectron2 computed, on any machine."""

import json

import numpy as np
import pytest
import torch

from scratch_d2.config import load_config
from scratch_d2.engines.embedded import EmbeddedDetector, MaskRCNN
from scratch_d2.structures.masks import decode_rle
from tests.engines import golden
from tests.engines.parity import TAKE_ALL, TINY, VARIANTS, batch, fill, image

CASES = range(len(VARIANTS))


def read(variant):
    return json.loads(golden.path_of(variant).read_text())


def model_of(opts):
    cfg = load_config(TINY, ["MODEL.DEVICE", "cpu", *opts])
    model = MaskRCNN(cfg)
    fill(model)
    return cfg, model


def check_detections(found, expected):
    """The bounds of the two engines: scores 1e-5, boxes 1e-3 px, mask IoU 0.999."""
    assert len(found) == len(expected["scores"]) > 3
    np.testing.assert_allclose(found.scores, expected["scores"], atol=1e-5)
    np.testing.assert_allclose(found.boxes, expected["boxes"], atol=1e-3)
    for mask, counts in zip(found.masks, expected["masks"], strict=True):
        first, second = decode_rle(mask), decode_rle({**mask, "counts": counts})
        assert (first & second).sum() >= 0.999 * (first | second).sum()


@pytest.mark.parametrize("variant", CASES)
def test_detections(variant):
    expected = read(variant)
    cfg, model = model_of(expected["variant"])
    found = golden.statistics(golden.features_of(model))
    for name, values in expected["features"].items():
        assert found[name] == pytest.approx(values, rel=1e-4, abs=1e-5), name
    detector = EmbeddedDetector(cfg, model.eval())
    for size, detections in zip(golden.PHOTOS, expected["detections"], strict=True):
        check_detections(detector([image(*size)])[0], detections)


@pytest.mark.parametrize("variant", CASES)
def test_losses_and_gradients(variant):
    expected = read(variant)
    _, model = model_of([*expected["variant"], *TAKE_ALL])
    losses = model.train()(*batch())
    sum(losses.values()).backward()
    assert {k: v.item() for k, v in losses.items()} == pytest.approx(expected["losses"], rel=1e-4)
    norms = golden.gradient_norms(model)
    assert norms == pytest.approx(expected["gradient norms"], rel=1e-3)
    assert set(norms) >= {"res5", "fpn", "rpn", "box head", "mask head"}


@pytest.mark.detectron2
@pytest.mark.parametrize("variant", CASES)
def test_the_files_are_what_detectron2_computes(variant, tmp_path, monkeypatch):
    monkeypatch.setattr(golden, "FOLDER", tmp_path)
    made = golden.of_detectron2(variant)
    monkeypatch.undo()
    kept = read(variant)
    assert made.keys() == kept.keys() and made["variant"] == kept["variant"] == VARIANTS[variant]
    for name in ("losses", "gradient norms"):
        assert made[name] == pytest.approx(kept[name], rel=1e-4)
    for first, second in zip(made["detections"], kept["detections"], strict=True):
        np.testing.assert_allclose(first["scores"], second["scores"], atol=1e-5)
        np.testing.assert_allclose(first["boxes"], second["boxes"], atol=1e-3)


def test_no_draw_decides_the_losses():
    _, model = model_of(TAKE_ALL)
    values = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        values.append({name: loss.item() for name, loss in model.train()(*batch()).items()})
    assert values[0] == pytest.approx(values[1], rel=1e-5)
