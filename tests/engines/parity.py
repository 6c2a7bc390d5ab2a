"""Configs, models and inputs that are alike in both engines, to the last number."""

import numpy as np
import torch

from scratch_d2.config import add_scratch_config, load_config
from scratch_d2.engines.embedded import MaskRCNN
from scratch_d2.engines.embedded.boxes import Target

# Everything is taken, so that no draw decides what the losses are.
TAKE_ALL = [
    *("MODEL.RPN.BATCH_SIZE_PER_IMAGE", "100000", "MODEL.RPN.POSITIVE_FRACTION", "1.0"),
    *("MODEL.ROI_HEADS.BATCH_SIZE_PER_IMAGE", "100000"),
    *("MODEL.ROI_HEADS.POSITIVE_FRACTION", "1.0"),
]
TINY = "quick_schedules/tiny_mask_rcnn_R_50_FPN.yaml"
YAMLS = [
    "Base-Scratch-RCNN-FPN.yaml",
    "scratch_mask_rcnn_R_50_FPN.yaml",
    "quick_schedules/cpu_mask_rcnn_R_50_FPN.yaml",
    TINY,
]
# Other values than the YAMLs' for what the engine honours, two sets.
VARIANTS = [
    [],
    [
        *("MODEL.RESNETS.STRIDE_IN_1X1", "True", "MODEL.RESNETS.NORM", "BN"),
        *("MODEL.RESNETS.NUM_GROUPS", "2", "MODEL.BACKBONE.FREEZE_AT", "2"),
        *("MODEL.RPN.SMOOTH_L1_BETA", "0.3", "MODEL.ROI_BOX_HEAD.SMOOTH_L1_BETA", "0.5"),
        *("MODEL.ROI_BOX_HEAD.NUM_CONV", "1", "MODEL.ROI_BOX_HEAD.CONV_DIM", "8"),
        *("MODEL.RPN.CONV_DIMS", "[8, -1]", "MODEL.ANCHOR_GENERATOR.OFFSET", "0.5"),
        *("INPUT.FORMAT", "BGR", "MODEL.ROI_HEADS.PROPOSAL_APPEND_GT", "False"),
    ],
    [
        *("MODEL.RPN.LOSS_WEIGHT", "0.5", "MODEL.RPN.BBOX_REG_LOSS_WEIGHT", "2.0"),
        *("MODEL.ROI_BOX_HEAD.BBOX_REG_LOSS_WEIGHT", "3.0", "MODEL.RPN.BOUNDARY_THRESH", "0"),
        *("MODEL.ANCHOR_GENERATOR.SIZES", "[[20, 41]]", "MODEL.RPN.IN_FEATURES", "['p3', 'p4']"),
        *("MODEL.ROI_HEADS.IN_FEATURES", "['p3', 'p4']", "MODEL.BACKBONE.FREEZE_AT", "1"),
        *(
            "MODEL.ROI_MASK_HEAD.POOLER_SAMPLING_RATIO",
            "2",
            "MODEL.PROPOSAL_GENERATOR.MIN_SIZE",
            "4",
        ),
        *("MODEL.RPN.BBOX_REG_WEIGHTS", "[2.0, 2.0, 1.5, 1.0]", "MODEL.RESNETS.DEPTH", "101"),
    ],
]


def both_configs(file=TINY, opts=()):
    from detectron2.config import get_cfg

    cfg = load_config(file, ["MODEL.DEVICE", "cpu", *opts])
    theirs = get_cfg()
    add_scratch_config(theirs)
    theirs.merge_from_other_cfg(cfg)
    return cfg, theirs


def both_models(opts=(), file=TINY):
    """Both models with the same random weights."""
    from detectron2.modeling import build_model

    cfg, d2_cfg = both_configs(file, opts)
    ours, theirs = MaskRCNN(cfg), build_model(d2_cfg)
    theirs.load_state_dict(fill(ours))
    return cfg, ours, theirs


def fill(model):
    """Fill a model with weights strong enough to give varied detections, and return them.

    They come from NumPy's frozen generator: equal with every release of torch.
    """
    random, state = np.random.RandomState(1), model.state_dict()
    for name, value in sorted(state.items()):
        if name.endswith("num_batches_tracked"):
            continue
        drawn = torch.from_numpy(random.standard_normal(value.shape)).float()
        if "norm.weight" in name:
            # Small, or the residual sums of 33 blocks explode.
            drawn = torch.full_like(value, 0.3 if "conv3" in name else 1.0)
        elif "running_var" in name:
            drawn = drawn.sigmoid() + 0.5
        elif value.dim() == 1:
            drawn *= 0.1
        elif any(part in name for part in ("bbox_pred", "anchor_deltas", "predictor.weight")):
            drawn *= 0.05
        elif "cls_score" in name or "objectness" in name:
            drawn *= 0.2
        else:
            drawn *= (2 / drawn[0].numel()) ** 0.5  # He et al. 2015, for ReLU
            drawn *= 0.2 if "fpn_" in name else 1.0
        value.copy_(drawn)
    return state


def image(height, width, seed=0):
    return np.random.RandomState(seed).randint(0, 256, (height, width, 3), dtype=np.uint8)


def tensor(array):
    return torch.from_numpy(array.transpose(2, 0, 1).copy())


def batch():
    """Two images with scratches, of different sizes, and one without any."""
    masks = torch.zeros(3, 90, 150, dtype=torch.bool)
    masks[0, 10:50, 20:30] = masks[1, 60:64, 10:140] = masks[2, 5:80, 100:101] = True
    boxes = torch.tensor([[20.0, 10, 30, 50], [10, 60, 140, 64], [100, 5, 101, 80]])
    small = torch.zeros(1, 70, 96, dtype=torch.bool)
    small[0, 20:60, 30:80] = True
    targets = [
        Target(boxes, masks),
        Target(torch.zeros(0, 4), torch.zeros(0, 64, 64, dtype=torch.bool)),
        Target(torch.tensor([[30.0, 20, 80, 60]]), small),
    ]
    images = [tensor(image(*target.masks.shape[1:], seed)) for seed, target in enumerate(targets)]
    return images, targets


def to_d2_inputs(images, targets):
    from detectron2.structures import BitMasks, Boxes, Instances

    inputs = []
    for array, target in zip(images, targets):
        instances = Instances(tuple(array.shape[1:]))
        instances.gt_boxes = Boxes(target.boxes.clone())
        instances.gt_classes = torch.zeros(len(target.boxes), dtype=torch.int64)
        if len(target.boxes):  # the mapper sets no masks on an empty image
            instances.gt_masks = BitMasks(target.masks.clone())
        inputs.append({"image": array, "instances": instances})
    return inputs


def d2_losses(model, images, targets):
    from detectron2.utils.events import EventStorage

    with EventStorage():
        return model(to_d2_inputs(images, targets))
