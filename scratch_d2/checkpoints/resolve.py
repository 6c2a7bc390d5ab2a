"""Resolve."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fvcore.common.config import CfgNode

from scratch_d2.checkpoints.addresses import local_file
from scratch_d2.structures.thresholds import CONFIG_KEYS, FILE_NAME, Thresholds, read_thresholds
from scratch_d2.utils.files import file_sha256

logger = logging.getLogger(__name__)


def choose_weights(cfg: CfgNode, opts: Sequence[str] = ()) -> Path:
    """Return the detector's checkpoint to load: the first of these that is there.

    MODEL.WEIGHTS of the command line; model_best.pth, then model_final.pth in OUTPUT_DIR;
    MODEL.WEIGHTS of the config file. Raises FileNotFoundError saying how to name one.
    """
    if "MODEL.WEIGHTS" not in opts[::2]:
        for name in ("model_best.pth", "model_final.pth"):
            if (Path(cfg.OUTPUT_DIR) / name).is_file():
                return Path(cfg.OUTPUT_DIR) / name
    if not cfg.MODEL.WEIGHTS:
        raise FileNotFoundError(
            f"no weights for the detector: OUTPUT_DIR {cfg.OUTPUT_DIR!r} holds no trained model; "
            "train one, or add MODEL.WEIGHTS and the path of a checkpoint to the command"
        )
    return local_file(cfg.MODEL.WEIGHTS)


def put_thresholds(cfg: CfgNode, thresholds: Thresholds, keep: Sequence[str] = ()) -> None:
    """Put thresholds into a config, in place, but for the keys in `keep`."""
    values = asdict(thresholds)
    values["review_band"] = list(values["review_band"] or [])
    for key, name in CONFIG_KEYS.items():
        if key not in keep:
            block, leaf = key.split(".")
            cfg[block][leaf] = values[name]


def adopt_saved_thresholds(cfg: CfgNode, weights: str | Path, opts: Sequence[str] = ()) -> None:
    """Put the thresholds beside a checkpoint into a config, in place; without any, do nothing.

    A thresholds.json in the folder of the checkpoint goes before the config file, and the keys
    in `opts` (KEY VALUE pairs of the command line, already merged) go before both. The hash of the
    images they were calibrated on becomes SCRATCH.CALIBRATED_ON, and the log warns where they were
    calibrated for other weights than `weights` or GATE.WEIGHTS.
    """
    file = Path(weights).parent / FILE_NAME
    if not file.is_file():
        return
    thresholds, calibration = read_thresholds(file)
    put_thresholds(cfg, thresholds, keep=opts[::2])
    if "SCRATCH.CALIBRATED_ON" not in opts[::2]:
        cfg.SCRATCH.CALIBRATED_ON = calibration.get("data_sha256") or ""
    used = {"weights_sha256": weights, "gate_sha256": gate_weights(cfg)}
    others = [text for key in used if (text := _differs(calibration, key, used[key]))]
    if others:
        logger.warning(
            "%s was calibrated for %s; run tools/calibrate.py again", file, " and for ".join(others)
        )


def gate_weights(cfg: CfgNode) -> str:
    """Return the gate's checkpoint, "" where there is none or it is switched off."""
    return str(local_file(cfg.GATE.WEIGHTS)) if cfg.GATE.ENABLED and cfg.GATE.WEIGHTS else ""


def _differs(calibration: Mapping[str, Any], key: str, path: str | Path) -> str | None:
    """Say how a file of weights differs from what was calibrated, or None where it does not."""
    # A path that leads nowhere is refused where it is loaded.
    if key not in calibration or (path and not Path(path).is_file()):
        return None
    meant, kind = calibration[key], "gate" if key == "gate_sha256" else "checkpoint"
    if not path:
        return f"use with a {kind}, and GATE.WEIGHTS names none" if meant else None
    if not meant:
        return f"use without a {kind}"
    return None if meant == file_sha256(path) else f"another {kind} than {path}"
