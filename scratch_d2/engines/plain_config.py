"""config_d2.yaml: the part of a config that plain Detectron2 understands."""

from pathlib import Path

from fvcore.common.config import CfgNode

from scratch_d2.config import default_config, flatten
from scratch_d2.utils.device import pick_device
from scratch_d2.utils.files import write_atomically

# Keys that came after release 0.6 of Detectron2 and play no part in loading a detector.
TRAINING_KEYS = (
    *("DATALOADER.REPEAT_SQRT", "FLOAT32_PRECISION"),
    *("SOLVER.BASE_LR_END", "SOLVER.NUM_DECAYS", "SOLVER.RESCALE_INTERVAL"),
)


def to_plain_detectron2(cfg: CfgNode) -> CfgNode:
    """Return what `get_cfg().merge_from_file` of Detectron2 needs to know of a config.

    That is every key of Detectron2's that differs from its default there, without `TRAINING_KEYS`,
    and none of ours, so that a release which lacks some newer key reads it as well.
    """
    plain, defaults = CfgNode({"VERSION": cfg.VERSION}), flatten(default_config())
    for name, value in flatten(cfg).items():
        value = list(value) if isinstance(value, tuple) else value
        ours = name.startswith(("SCRATCH.", "GATE."))
        if ours or name in TRAINING_KEYS or value == defaults[name]:
            continue
        *blocks, leaf = name.split(".")
        node = plain
        for block in blocks:
            node = node.setdefault(block, CfgNode())
        node[leaf] = value
    return plain


def save_plain_config(cfg: CfgNode, weights: str | Path) -> Path:
    """Write OUTPUT_DIR/config_d2.yaml, from which Detectron2 alone builds and loads the detector.

    Its `get_cfg().merge_from_file` reads the file as it is; MODEL.WEIGHTS in it names
    `weights`, and MODEL.DEVICE the device that is there.
    """
    cfg = cfg.clone()
    cfg.defrost()
    cfg.MODEL.WEIGHTS, cfg.MODEL.DEVICE = str(weights), str(pick_device(cfg.MODEL.DEVICE))
    text = to_plain_detectron2(cfg).dump()
    return write_atomically(text, Path(cfg.OUTPUT_DIR) / "config_d2.yaml")
