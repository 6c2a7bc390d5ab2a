"""A config of `load_config` as Detectron2's, and what this engine refuses before training."""

import argparse
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from detectron2.config import CfgNode as D2CfgNode
from detectron2.config import get_cfg
from fvcore.common.config import CfgNode
from torch import cuda

from scratch_d2.config import add_scratch_config, default_config, flatten
from scratch_d2.utils.device import pick_device

# Values that Detectron2 accepts, and with which nothing would judge labels rightly.
ACCEPTED: dict[str, tuple[tuple[Any, ...], str]] = {
    "MODEL.MASK_ON": ((True,), "the area rule measures masks"),
    "MODEL.KEYPOINT_ON": ((False,), "scratches have no keypoints"),
    "MODEL.LOAD_PROPOSALS": ((False,), "proposals come from the network itself"),
    "MODEL.ROI_HEADS.NUM_CLASSES": ((1,), "scratch is the only class"),
    "INPUT.FORMAT": (("RGB", "BGR"), "photographs are read as these"),
    "INPUT.MASK_FORMAT": (("polygon", "bitmask"), ""),
    "INPUT.CROP.TYPE": (("relative_range", "relative", "absolute", "absolute_range"), ""),
    "TEST.AUG.ENABLED": ((False,), "prediction looks at each image once"),
}
# Parts that give no masks of upright boxes; those of other projects are taken as they are.
REFUSED = {
    "MODEL.META_ARCHITECTURE": (
        ("ProposalNetwork", "RetinaNet", "FCOS", "SemanticSegmentor", "PanopticFPN"),
        "GeneralizedRCNN or a network of your own that returns pred_masks",
    ),
    "MODEL.PROPOSAL_GENERATOR.NAME": (("RRPN", "PrecomputedProposals"), "RPN"),
    "MODEL.ROI_HEADS.NAME": (("RROIHeads",), "StandardROIHeads, CascadeROIHeads, Res5ROIHeads"),
    "MODEL.ANCHOR_GENERATOR.NAME": (("RotatedAnchorGenerator",), "DefaultAnchorGenerator"),
}


def to_d2_config(cfg: CfgNode) -> D2CfgNode:
    """Turn a config of `load_config` into Detectron2's; without a GPU the CPU takes over.

    Keys that the installed Detectron2 does not have are left out if they hold their default,
    which is what it does without them.

    Raises ValueError naming such keys if they hold something else.
    """
    converted = get_cfg()
    add_scratch_config(converted)
    # This package's own loader honours it, whatever Detectron2 knows.
    converted.DATALOADER.setdefault("REPEAT_SQRT", True)
    wanted, defaults = cfg.clone(), flatten(default_config())
    wanted.defrost()
    unknown = _drop_unknown(wanted, converted)
    lost = [f"{key} {value!r}" for key, value in unknown.items() if value != defaults.get(key)]
    if lost:
        raise ValueError(
            f"the installed Detectron2 is too old for {', '.join(lost)}; leave out these keys or "
            "install a newer one"
        )
    converted.merge_from_other_cfg(wanted)
    converted.MODEL.DEVICE = str(pick_device(cfg.MODEL.DEVICE))
    return converted


def _drop_unknown(cfg: CfgNode, known: CfgNode, prefix: str = "") -> dict[str, Any]:
    """Take out of `cfg`, in place, what `known` has no key for; returns it, by name."""
    dropped: dict[str, Any] = {}
    for key in list(cfg):
        name, value = f"{prefix}{key}", cfg[key]
        block = isinstance(value, CfgNode)
        if key not in known:
            del cfg[key]
            dropped.update(flatten(value, f"{name}.") if block else {name: value})
        elif block:
            dropped.update(_drop_unknown(value, known[key], f"{name}."))
    return dropped


def check_settings(cfg: CfgNode) -> None:
    """Raise ValueError naming every key with which this engine could not judge labels."""
    leaves, faults = flatten(cfg), []
    for key, (values, reason) in ACCEPTED.items():
        if leaves[key] not in values:
            accepted = ", ".join(repr(value) for value in values)
            why = f" ({reason})" if reason else ""
            faults.append(f"{key} is {leaves[key]!r}; accepted is {accepted}{why}")
    for key in ("SOLVER.IMS_PER_BATCH", "SOLVER.MAX_ITER"):
        if leaves[key] < 1:
            faults.append(f"{key} is {leaves[key]}; accepted is 1 or more")
    for key, (values, accepted) in REFUSED.items():
        if leaves[key] in values:
            faults.append(f"{key} is {leaves[key]!r}; accepted is {accepted}")
    polygons = leaves["INPUT.CROP.ENABLED"] and leaves["INPUT.MASK_FORMAT"] == "polygon"
    if polygons and find_spec("shapely") is None:
        faults.append(
            "INPUT.CROP.ENABLED is True with INPUT.MASK_FORMAT polygon, for which Detectron2 needs "
            "shapely (pip install shapely); accepted without it is bitmask"
        )
    if faults:
        raise ValueError(f"the engine d2 does not take this config: {'; '.join(faults)}")


@contextmanager
def building() -> Iterator[None]:
    """Turn what Detectron2 raises while it builds what a config asks for into a ValueError."""
    try:
        yield
    except (AssertionError, AttributeError, LookupError, NotImplementedError, TypeError) as error:
        line = traceback.extract_tb(error.__traceback__)[-1].line
        reason = " ".join(str(error).split()) or f"{line} fails"
        raise ValueError(f"Detectron2 cannot build what the config asks for: {reason}") from error


def check_processes(args: argparse.Namespace) -> None:
    """Raise ValueError naming the option that asks for processes which cannot be started here."""
    gpus, machines, rank = args.num_gpus, args.num_machines, args.machine_rank
    if machines < 1:
        raise ValueError(f"--num-machines is {machines}; accepted is 1 or more")
    if not 0 <= rank < machines:
        raise ValueError(f"--machine-rank is {rank}; accepted is 0 to {machines - 1}")
    if machines > 1 and args.dist_url == "auto":
        raise ValueError(
            f"--dist-url is auto; with {machines} machines, accepted is tcp://HOST:PORT of one"
        )
    there = cuda.device_count()
    if gpus < 1:
        raise ValueError(f"--num-gpus is {gpus}; accepted is 1 or more")
    if gpus > there and gpus * machines > 1:
        accepted = f"1 to {there}" if there else "1 on the CPU, of one machine"
        raise ValueError(
            f"--num-gpus is {gpus}, but this machine has {there} GPUs; accepted is {accepted}"
        )
