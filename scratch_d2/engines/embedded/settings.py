"""Which config keys the embedded engine honours; every other key must keep Detectron2's default."""

from collections.abc import Callable
from typing import Any

from fvcore.common.config import CfgNode

from scratch_d2.config import default_config, flatten

LEVELS = ("p2", "p3", "p4", "p5", "p6")
STAGES = ["res2", "res3", "res4", "res5"]

# Keys that may hold any value of the right type, by block; "*" stands for the whole block.
HONOURED = {
    "": ("OUTPUT_DIR", "SEED", "CUDNN_BENCHMARK"),
    "SCRATCH.": "*",
    "GATE.": "*",
    "DATASETS.": ("TRAIN", "TEST"),
    "DATALOADER.": (*("NUM_WORKERS", "ASPECT_RATIO_GROUPING", "REPEAT_THRESHOLD", "REPEAT_SQRT"),),
    "INPUT.": ("MIN_SIZE_TRAIN", "MAX_SIZE_TRAIN", "MIN_SIZE_TEST", "MAX_SIZE_TEST"),
    "MODEL.": ("DEVICE", "WEIGHTS"),
    "MODEL.RESNETS.": (
        *("NUM_GROUPS", "WIDTH_PER_GROUP", "STEM_OUT_CHANNELS", "RES2_OUT_CHANNELS"),
        "STRIDE_IN_1X1",
    ),
    "MODEL.FPN.": ("OUT_CHANNELS",),
    "MODEL.PROPOSAL_GENERATOR.": ("MIN_SIZE",),
    "MODEL.ANCHOR_GENERATOR.": ("SIZES", "ASPECT_RATIOS"),
    "MODEL.RPN.": "*",
    "MODEL.ROI_HEADS.": "*",
    "MODEL.ROI_BOX_HEAD.": (
        *("POOLER_RESOLUTION", "POOLER_SAMPLING_RATIO", "FC_DIM", "NUM_CONV", "CONV_DIM"),
        *("CLS_AGNOSTIC_BBOX_REG", "BBOX_REG_LOSS_WEIGHT", "SMOOTH_L1_BETA"),
    ),
    "MODEL.ROI_MASK_HEAD.": (
        *("POOLER_RESOLUTION", "POOLER_SAMPLING_RATIO", "NUM_CONV", "CONV_DIM"),
        "CLS_AGNOSTIC_MASK",
    ),
    "SOLVER.": (
        *("BASE_LR_END", "STEPS", "GAMMA", "RESCALE_INTERVAL", "WARMUP_ITERS", "WARMUP_FACTOR"),
        *("MOMENTUM", "NESTEROV", "WEIGHT_DECAY", "WEIGHT_DECAY_NORM", "WEIGHT_DECAY_BIAS"),
        "BIAS_LR_FACTOR",
    ),
    "SOLVER.CLIP_GRADIENTS.": ("ENABLED", "CLIP_VALUE", "NORM_TYPE"),
    "SOLVER.AMP.": ("ENABLED",),
    "TEST.": ("DETECTIONS_PER_IMAGE",),
}

# Leaves with a short list of accepted values, whatever their default.
ACCEPTED: dict[str, tuple[Any, ...]] = {
    "FLOAT32_PRECISION": ("", "highest", "high", "medium"),
    "INPUT.FORMAT": ("RGB", "BGR"),
    "INPUT.MASK_FORMAT": ("bitmask",),
    "INPUT.MIN_SIZE_TRAIN_SAMPLING": ("choice", "range"),
    "INPUT.RANDOM_FLIP": ("horizontal", "vertical", "none"),
    "DATALOADER.FILTER_EMPTY_ANNOTATIONS": (False,),
    "DATALOADER.SAMPLER_TRAIN": ("TrainingSampler", "RepeatFactorTrainingSampler"),
    "MODEL.META_ARCHITECTURE": ("GeneralizedRCNN",),
    "MODEL.MASK_ON": (True,),
    "MODEL.BACKBONE.NAME": ("build_resnet_fpn_backbone",),
    "MODEL.RESNETS.DEPTH": (50, 101, 152),
    "MODEL.RESNETS.NORM": ("FrozenBN", "BN"),
    "MODEL.RESNETS.OUT_FEATURES": (STAGES,),
    "MODEL.FPN.IN_FEATURES": (STAGES,),
    "MODEL.RPN.HEAD_NAME": ("StandardRPNHead",),
    "MODEL.RPN.BBOX_REG_LOSS_TYPE": ("smooth_l1",),
    "MODEL.ROI_HEADS.NAME": ("StandardROIHeads",),
    "MODEL.ROI_HEADS.NUM_CLASSES": (1,),
    "MODEL.ROI_BOX_HEAD.NAME": ("FastRCNNConvFCHead",),
    "MODEL.ROI_MASK_HEAD.NAME": ("MaskRCNNConvUpsampleHead",),
    "SOLVER.REFERENCE_WORLD_SIZE": (0, 1),
    "SOLVER.LR_SCHEDULER_NAME": ("WarmupMultiStepLR", "WarmupCosineLR"),
    "SOLVER.WARMUP_METHOD": ("linear", "constant"),
    "SOLVER.CLIP_GRADIENTS.CLIP_TYPE": ("value", "norm"),
}

REASONS = {
    "INPUT.MASK_FORMAT": "masks are moved as pixels, which keeps thin lines and holes",
    "DATALOADER.FILTER_EMPTY_ANNOTATIONS": "images without scratches are the negatives",
    "MODEL.ROI_HEADS.NUM_CLASSES": "scratch is the only class",
}

# A checkpoint trained by Detectron2 with such keys is served all the same.
TRAINING_ONLY = (
    "SOLVER.",
    "DATALOADER.",
    "DATASETS.",
    "INPUT.CROP.",
    "INPUT.MASK_FORMAT",
    "INPUT.RANDOM_FLIP",
    "INPUT.MIN_SIZE_TRAIN",
    "VIS_PERIOD",
    "TEST.EXPECTED_RESULTS",
    "TEST.PRECISE_BN.",
    "MODEL.RPN.BBOX_REG_LOSS_TYPE",
    "MODEL.ROI_BOX_HEAD.BBOX_REG_LOSS_TYPE",
    "MODEL.ROI_BOX_HEAD.TRAIN_ON_PRED_BOXES",
    "MODEL.ROI_BOX_HEAD.FED_LOSS",
)

_Rule = tuple[Callable[[Any], bool], str]


def _numbers(value: Any, count: int) -> bool:
    return len(value) == count and all(isinstance(v, (int, float)) for v in value)


def _run_of(levels: tuple[str, ...]) -> Callable[[Any], bool]:
    runs = [levels[i:j] for i in range(len(levels)) for j in range(i + 1, len(levels) + 1)]
    return lambda value: tuple(value) in runs


RULES: dict[str, _Rule] = {
    "MODEL.PIXEL_MEAN": (lambda v: _numbers(v, 3), "three numbers"),
    "MODEL.PIXEL_STD": (lambda v: _numbers(v, 3) and min(v) > 0, "three numbers above 0"),
    "MODEL.BACKBONE.FREEZE_AT": (lambda v: 0 <= v <= 5, "0 to 5"),
    "MODEL.ANCHOR_GENERATOR.OFFSET": (lambda v: 0 <= v < 1, "0 up to, not including, 1"),
    "MODEL.RPN.IN_FEATURES": (_run_of(LEVELS), "neighbours among p2, p3, p4, p5, p6"),
    "MODEL.ROI_HEADS.IN_FEATURES": (_run_of(LEVELS[:4]), "neighbours among p2, p3, p4, p5"),
    "MODEL.RPN.BBOX_REG_WEIGHTS": (lambda v: _numbers(v, 4), "four numbers"),
    "MODEL.ROI_BOX_HEAD.BBOX_REG_WEIGHTS": (lambda v: _numbers(v, 4), "four numbers"),
    "MODEL.ROI_BOX_HEAD.NUM_FC": (lambda v: v >= 1, "1 or more"),
    "SOLVER.IMS_PER_BATCH": (lambda v: v >= 1, "1 or more"),
    "SOLVER.MAX_ITER": (lambda v: v >= 1, "1 or more"),
    "SOLVER.CHECKPOINT_PERIOD": (lambda v: v >= 1, "1 or more"),
    "SOLVER.BASE_LR": (lambda v: v > 0, "a number above 0"),
    "TEST.EVAL_PERIOD": (lambda v: v >= 0, "0 or more"),
    "DATALOADER.NUM_WORKERS": (lambda v: v >= 0, "0 or more"),
}


def check_settings(cfg: CfgNode, training: bool = True) -> None:
    """Raise ValueError unless the embedded engine computes what the config asks for.

    The message names every key at fault, its value and what is accepted.

    Args:
        training: check the keys that matter to training only as well.
    """
    defaults, faults = flatten(default_config()), []
    for key, value in flatten(cfg).items():
        if not training and key.startswith(TRAINING_ONLY):
            continue
        fault = _fault(key, value, defaults.get(key))
        if fault:
            faults.append(f"{key} is {value!r}; accepted is {fault}")
    sizes = cfg.INPUT.MIN_SIZE_TRAIN
    if training and cfg.INPUT.MIN_SIZE_TRAIN_SAMPLING == "range" and len(sizes) != 2:
        faults.append(
            "INPUT.MIN_SIZE_TRAIN_SAMPLING is 'range'; accepted with it are two sizes in "
            f"INPUT.MIN_SIZE_TRAIN, not {sizes!r}"
        )
    faults += _anchor_faults(cfg)
    for name in ("RPN", "ROI_HEADS") if training else ():
        faults += _matching_faults(name, cfg.MODEL[name])
    if faults:
        raise ValueError(
            "the embedded engine does not honour this config (Detectron2, SCRATCH.ENGINE d2, may): "
            f"{'; '.join(faults)}"
        )


def _fault(key: str, value: Any, default: Any) -> str:
    """Return what is accepted for a key if its value is not, and "" where it is."""
    if isinstance(value, tuple):
        value = list(value)
    if key in ACCEPTED:
        accepted = ACCEPTED[key]
        names = ", ".join(repr(choice) for choice in accepted)
        why = f" ({REASONS[key]})" if key in REASONS else ""
        return "" if value in accepted else f"{names}{why}"
    if key in RULES:
        holds, words = RULES[key]
        return "" if holds(value) else words
    block, _, leaf = key.rpartition(".")
    honoured = HONOURED.get(f"{block}." if block else "", ())
    plain = list(default) if isinstance(default, tuple) else default
    kept = "*" in honoured or leaf in honoured or value == plain
    return "" if kept else f"Detectron2's default, {plain!r}"


def _anchor_faults(cfg: CfgNode) -> list[str]:
    """Sizes and ratios come as one list for all levels or as one for each, equally many."""
    faults, counts = [], set()
    levels = len(cfg.MODEL.RPN.IN_FEATURES)
    node = cfg.MODEL.ANCHOR_GENERATOR
    for name in ("SIZES", "ASPECT_RATIOS"):
        value = node[name]
        nested = value and all(isinstance(inner, (list, tuple)) and inner for inner in value)
        if not nested or len(value) not in (1, levels):
            key = f"MODEL.ANCHOR_GENERATOR.{name}"
            faults.append(f"{key} is {value!r}; accepted are 1 or {levels} lists of numbers")
    if not faults:
        sizes, ratios = (list(v) * levels for v in (node.SIZES, node.ASPECT_RATIOS))
        counts = {len(s) * len(r) for s, r in zip(sizes[:levels], ratios[:levels])}
    if len(counts) > 1:
        faults.append(
            f"MODEL.ANCHOR_GENERATOR.SIZES and ASPECT_RATIOS give {sorted(counts)} anchors a "
            "place; accepted is the same number on every level"
        )
    return faults


def _matching_faults(name: str, node: CfgNode) -> list[str]:
    """Thresholds ascend between labels, so there is one label more."""
    bounds, labels = list(node.IOU_THRESHOLDS), list(node.IOU_LABELS)
    sound = bounds == sorted(bounds) and len(labels) == len(bounds) + 1
    if sound and set(labels) <= {-1, 0, 1}:
        return []
    return [
        f"MODEL.{name}.IOU_THRESHOLDS is {bounds!r} and IOU_LABELS {labels!r}; accepted are "
        "ascending thresholds and one label of -1, 0, 1 more than thresholds"
    ]
