"""Weights under names that a Detectron2 model does not have, by Detectron2's own matching."""

import logging

import torch
from detectron2.checkpoint.c2_model_loading import align_and_update_state_dicts
from torch import nn

from scratch_d2.checkpoints.names import BACKBONE, Tensors, is_caffe2

STATISTICS = {"running_mean": 0.0, "running_var": 1.0}
logger = logging.getLogger("scratch_d2")


def match_names(model: nn.Module, found: Tensors) -> Tensors:
    """Return weights under the names of a model: those of Caffe2, or a ResNet for C4 and DC5.

    Weights that fit a feature pyramid are returned as they are.
    """
    wanted = model.state_dict()
    caffe2 = is_caffe2(found)
    bare = not any(name.startswith(BACKBONE) for name in wanted)
    if not caffe2 and not (bare and any(name.startswith(BACKBONE) for name in found)):
        return found
    if caffe2:
        logger.warning(
            "weights with Caffe2's names expect INPUT.FORMAT BGR, MODEL.RESNETS.STRIDE_IN_1X1 True "
            "and MODEL.PIXEL_STD [1, 1, 1]"
        )
    plain = {k.removeprefix(BACKBONE): v for k, v in found.items() if not k.endswith("_momentum")}
    matched = align_and_update_state_dicts(wanted, plain, c2_conversion=caffe2)
    matched = {name: value for name, value in matched.items() if name in wanted}
    for name, value in wanted.items():
        # Caffe2's norms have their statistics in weight and bias.
        statistic = name.rpartition(".")[2]
        if caffe2 and statistic in STATISTICS and f"{name[: -len(statistic)]}weight" in matched:
            matched.setdefault(name, torch.full_like(value, STATISTICS[statistic]))
    return matched
