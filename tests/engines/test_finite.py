"""Weights that are numbers, and give none: neither engine may find nothing then."""

import pytest
import torch

from scratch_d2.config import load_config
from scratch_d2.engines import get_engine
from tests.engines.parity import TINY, fill, image


@pytest.mark.parametrize("name", ["embedded", pytest.param("d2", marks=pytest.mark.detectron2)])
@pytest.mark.parametrize(
    "weight", ["backbone.fpn_lateral2.weight", "roi_heads.mask_head.predictor.weight"]
)
def test_numbers_that_overflow_are_an_error(tmp_path, name, weight):
    from scratch_d2.engines.embedded import MaskRCNN

    cfg = load_config(TINY, ["MODEL.DEVICE", "cpu"])
    state = fill(MaskRCNN(cfg))
    torch.save({"model": state}, tmp_path / "sound.pth")
    detector = get_engine(name).load(cfg, tmp_path / "sound.pth")
    assert len(detector([image(90, 150)])[0]) > 3
    network = detector.model if name == "embedded" else detector._model
    value = network.state_dict()[weight]
    value.copy_(value.sign() * 3e38)
    with pytest.raises(FloatingPointError, match="returns values that are no finite numbers"):
        detector([image(90, 150)])


@pytest.mark.detectron2
def test_every_stage_of_a_cascade_is_checked():
    from detectron2.modeling import build_model

    from scratch_d2.engines.d2.settings import to_d2_config
    from scratch_d2.engines.finite import refuse_not_finite

    opts = ["MODEL.ROI_BOX_HEAD.CLS_AGNOSTIC_BBOX_REG", "True"]
    cfg = load_config(TINY, ["MODEL.ROI_HEADS.NAME", "CascadeROIHeads", *opts])
    model = build_model(to_d2_config(cfg))
    handles, stages = refuse_not_finite(model), model.roi_heads.box_predictor
    assert len(stages) == 3 and all(stage._forward_hooks for stage in stages)
    assert refuse_not_finite(model) == []
    for handle in handles:
        handle.remove()
    assert not any(stage._forward_hooks for stage in stages)
