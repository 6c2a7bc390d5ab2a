"""The embedded model against Detectron2's: the same numbers from the same weights."""

import numpy as np
import pytest
import torch

from scratch_d2.engines.embedded import EmbeddedDetector, MaskRCNN
from scratch_d2.engines.embedded.model import pad_images
from scratch_d2.structures.masks import decode_rle
from tests.engines.parity import VARIANTS, YAMLS, both_configs, both_models, image, tensor

pytestmark = pytest.mark.detectron2


@pytest.mark.parametrize("file", YAMLS)
def test_one_checkpoint_fits_both(file):
    from detectron2.modeling import build_model

    cfg, d2_cfg = both_configs(file)
    with torch.device("meta"):
        ours = MaskRCNN(cfg).state_dict()
    theirs = build_model(d2_cfg).state_dict()
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in theirs.items()}


@pytest.mark.parametrize("opts", VARIANTS)
def test_features_anchors_and_proposals(opts):
    from detectron2.structures import ImageList

    _, ours, theirs = both_models(opts)
    ours.eval(), theirs.eval()
    batch = pad_images([tensor(image(90, 150)) / 64 - 2, tensor(image(120, 100)) / 64 - 2])
    sizes = [(90, 150), (120, 100)]
    with torch.inference_mode():
        features, expected = ours.backbone(batch), theirs.backbone(batch)
        assert features.keys() == expected.keys()
        for level in features:
            torch.testing.assert_close(features[level], expected[level], atol=1e-4, rtol=1e-4)
        rpn, d2_rpn = ours.proposal_generator, theirs.proposal_generator
        levels = [features[name] for name in rpn.cfg.IN_FEATURES]
        anchors = d2_rpn.anchor_generator(levels)
        assert all(torch.equal(a, b.tensor) for a, b in zip(rpn.anchors(levels), anchors))
        proposals, _ = rpn(expected, sizes)
        wanted, _ = d2_rpn(ImageList(batch, sizes), expected)
    for found, reference in zip(proposals, wanted):
        assert len(found) > 20
        torch.testing.assert_close(found, reference.proposal_boxes.tensor, atol=1e-3, rtol=1e-5)


@pytest.mark.parametrize("opts", VARIANTS)
@pytest.mark.parametrize("size", [(90, 150), (201, 117)])
def test_detections(opts, size):
    from detectron2.engine import DefaultPredictor

    cfg, ours, theirs = both_models(opts)
    photo = image(*size)
    predictor = DefaultPredictor.__new__(DefaultPredictor)
    predictor.cfg, predictor.model = both_configs(opts=opts)[1], theirs.eval()
    predictor.input_format = cfg.INPUT.FORMAT
    predictor.aug = predictor_resize(cfg)
    expected = predictor(photo[:, :, ::-1])["instances"]
    (found,) = EmbeddedDetector(cfg, ours.eval())([photo])
    assert len(found) == len(expected) > 3
    np.testing.assert_allclose(found.scores, expected.scores.numpy(), atol=1e-5)
    np.testing.assert_allclose(found.boxes, expected.pred_boxes.tensor.numpy(), atol=1e-3)
    masks = np.stack([decode_rle(mask) for mask in found.masks])
    assert masks.any()
    # A pixel whose value is at the threshold may fall on either side.
    assert (masks != expected.pred_masks.numpy()).mean() < 1e-4


def predictor_resize(cfg):
    from detectron2.data import transforms as T

    return T.ResizeShortestEdge([cfg.INPUT.MIN_SIZE_TEST] * 2, cfg.INPUT.MAX_SIZE_TEST)
