"""What Good training images look like: limits and features that a gate's checkpoint carries."""

import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fvcore.common.config import CfgNode

from scratch_d2.checkpoints.files import read_checkpoint
from scratch_d2.data.images import read_image
from scratch_d2.gate.familiarity import Familiarity
from scratch_d2.gate.image_check import ImageCheck, measure_image
from scratch_d2.gate.model import FAMILIARITY, Gate, gate_info
from scratch_d2.structures.labels import GOOD
from scratch_d2.utils.files import save_atomically
from scratch_d2.utils.progress import track

# So many Good images say what photographs look like.
CHECKED_IMAGES = 1000
Dicts = Sequence[Mapping[str, Any]]
logger = logging.getLogger(__name__)


def learn_image_check(cfg: CfgNode, dicts: Dicts) -> ImageCheck:
    """Return the limits of Good training images, or of what the first gate knew beside these."""
    white = cfg.SCRATCH.WHITE_LEVEL
    measured = track(_checked_files(dicts), "measuring Good images")
    check = ImageCheck.learn([measure_image(read_image(file, white)) for file in measured])
    if not cfg.GATE.WEIGHTS:
        return check
    start = gate_info(read_checkpoint(cfg.GATE.WEIGHTS), cfg.GATE.WEIGHTS).get("image_check")
    return check.widened(ImageCheck.from_dict(start)) if start else check


def _checked_files(dicts: Dicts) -> list[str]:
    good = [item["file_name"] for item in dicts if item["verdict"] == GOOD]
    return good[:: -(-len(good) // CHECKED_IMAGES)]


def add_familiarity(weights: Collection[Path], cfg: CfgNode, dicts: Dicts) -> None:
    """Add to checkpoints of a gate what their features of Good training images look like."""
    gates = {path: Gate.load(path, cfg.MODEL.DEVICE) for path in weights}
    files, size = _checked_files(dicts), next(iter(gates.values())).batch_size
    features: dict[Path, list[np.ndarray]] = {path: [] for path in gates}
    starts = range(0, len(files), size)
    for start in track(starts, "learning what Good images look like", unit="step"):
        images = [read_image(f, cfg.SCRATCH.WHITE_LEVEL) for f in files[start : start + size]]
        for path, gate in gates.items():
            features[path].append(gate.look(images, gate.model.surface_stride).features)
    for path, gate in gates.items():
        known = Familiarity.learn(np.concatenate(features[path]), gate.model.surface_stride)
        if known is None:
            logger.warning("%d Good images are too few to learn what is unlike them", len(files))
            return
        content = read_checkpoint(path)
        content[FAMILIARITY] = {
            name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
            for name, value in known.to_dict().items()
        }
        save_atomically(content, path)
