"""Which models an inspection is made of, resolved once from a config into one frozen value."""

import hashlib
import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fvcore.common.config import CfgNode

from scratch_d2.checkpoints.addresses import local_file
from scratch_d2.config import flatten
from scratch_d2.config_keys import RENAMED_KEYS
from scratch_d2.structures.scaling import check_scaling
from scratch_d2.structures.thresholds import (
    DEFAULT_AREAS,
    THRESHOLDS_FILE,
    Thresholds,
    read_thresholds,
)
from scratch_d2.utils.files import file_sha256

SPLITS_FILE = "splits.json"
# Which config key sets each threshold.
CONFIG_KEYS = {
    "SCRATCH.SCORE_THRESHOLD": "score",
    "SCRATCH.AREA_THRESHOLD": "area",
    "SCRATCH.AREA_METHOD": "area_method",
    "SCRATCH.AREA_SCALING": "area_scaling",
    "SCRATCH.AREA_UNIT": "area_unit",
    "SCRATCH.PIXELS_PER_MM": "pixels_per_mm",
    "SCRATCH.REVIEW_BAND": "review_band",
    "GATE.THRESHOLD": "gate_threshold",
    "GATE.UPPER_THRESHOLD": "gate_upper_threshold",
    "SCRATCH.REVIEW_DISAGREEMENT": "review_disagreement",
}
# The value of SCRATCH.AREA_THRESHOLD that stands for the default of the unit.
UNSTATED = -1
# No scratch is smaller: a contour of three pixels has this area.
LEAST_PIXELS = 0.5
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelBundle:
    """The models of an inspection, their thresholds, and what both were made on.

    Attributes:
        detector: checkpoint of the detector.
        gate: checkpoint of the gate; None sends every image to the detector.
        thresholds: those in force.
        detector_record: the splits.json that lists the detector's training images; None if
            they are not known.
        gate_record: the same of the gate.
        calibrated_on: hash of the images on which the thresholds were chosen, "" if none is
            known (`scratch_d2.data.split.data_hash`).
    """

    detector: Path
    gate: Path | None
    thresholds: Thresholds
    detector_record: Path | None = None
    gate_record: Path | None = None
    calibrated_on: str = ""

    def hash_weights(self) -> dict[str, str | None]:
        """Return the SHA-256 of both checkpoints as `weights_sha256` and `gate_sha256`."""
        gate_sha256 = file_sha256(self.gate) if self.gate else None
        return {"weights_sha256": file_sha256(self.detector), "gate_sha256": gate_sha256}

    def model_id(self) -> str:
        """Return a short hash of both weights and the thresholds, 12 hex digits."""
        return model_id(self.hash_weights(), self.thresholds)


def model_id(hashes: Mapping[str, str | None], thresholds: Thresholds) -> str:
    """Return a short hash of what `ModelBundle.hash_weights` returns and the thresholds.

    What is off leaves no trace in it, so that a threshold that comes later changes no id.
    """
    used = {n: v for n, v in asdict(thresholds).items() if v is not None and v is not False}
    if not thresholds.pixels_per_mm:
        del used["pixels_per_mm"]
    if thresholds.area_scaling == "none":
        del used["area_scaling"]
    judge = {**hashes, "thresholds": used}
    return hashlib.sha256(json.dumps(judge, sort_keys=True).encode()).hexdigest()[:12]


def resolve_bundle(cfg: CfgNode, opts: Sequence[str] = ()) -> ModelBundle:
    """Resolve the models that a config names; nothing is written into it.

    A thresholds.json beside the detector's checkpoint overrides the config file, and the keys in
    `opts` (KEY VALUE pairs of the command line, already merged) override both. The log warns if
    the thresholds were calibrated for other weights.

    Raises FileNotFoundError if no weights are named, ValueError for a damaged thresholds.json or
    thresholds that need a gate where there is none.
    """
    detector, gate = find_detector_weights(cfg, opts), gate_weights(cfg)
    calibration: dict[str, Any] = {}
    file = detector.parent / THRESHOLDS_FILE
    if file.is_file():
        saved, calibration = read_thresholds(file)
        thresholds = override_thresholds(saved, cfg, opts)
        _warn_of_other_weights(file, calibration, detector, gate)
    else:
        thresholds = thresholds_from_config(cfg)
    check_scaling(thresholds, gate is not None)
    record = cfg.SCRATCH.TRAINED_ON
    return ModelBundle(
        detector,
        gate,
        thresholds,
        detector_record=Path(record) if record else record_beside(detector),
        gate_record=record_beside(gate) if gate else None,
        calibrated_on=calibration.get("data_sha256") or "",
    )


def find_detector_weights(cfg: CfgNode, opts: Sequence[str] = ()) -> Path:
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


def gate_weights(cfg: CfgNode) -> Path | None:
    """Return the gate's checkpoint; None if the config names none or switches the gate off."""
    return local_file(cfg.GATE.WEIGHTS) if cfg.GATE.ENABLED and cfg.GATE.WEIGHTS else None


def record_beside(weights: str | Path) -> Path | None:
    """Return the splits.json beside a checkpoint, or None if there is none."""
    file = Path(weights).parent / SPLITS_FILE
    return file if str(weights) and file.is_file() else None


def thresholds_from_config(cfg: CfgNode) -> Thresholds:
    """Return the thresholds that a config states."""
    return _check_band(_check_area(Thresholds.from_dict(_stated(cfg))))


def _stated(cfg: CfgNode) -> dict[str, Any]:
    """Return what a config states, by the names of `Thresholds`."""
    leaves = flatten(cfg)
    values = {name: leaves[key] for key, name in CONFIG_KEYS.items()}
    if values["area_unit"] == "auto":
        values["area_unit"] = "mm2" if values["pixels_per_mm"] else "fraction"
    if values["area"] == UNSTATED:
        values["area"] = DEFAULT_AREAS[values["area_unit"]]
    return values


def override_thresholds(saved: Thresholds, cfg: CfgNode, opts: Sequence[str]) -> Thresholds:
    """Return saved thresholds, with those that KEY VALUE pairs set taken from the config.

    Saved areas mean nothing in another unit. Where only the unit is set, the area is the default
    of that unit and the saved review band is left out, and the log says so.

    Raises ValueError for an area threshold that is a share of a pixel because the saved unit is
    pixels.
    """
    stated = _stated(cfg)
    keys = [RENAMED_KEYS.get(key, key) for key in opts[::2]]
    names = {CONFIG_KEYS[key] for key in keys if key in CONFIG_KEYS}
    if "area_unit" in names and stated["area_unit"] != saved.area_unit:
        names |= _areas_of_the_unit(saved, stated, names)
    elif "area" in names and saved.area_unit == "pixel" and 0 < stated["area"] < LEAST_PIXELS:
        raise ValueError(
            f"SCRATCH.AREA_THRESHOLD is {stated['area']:g}, but the saved thresholds are in "
            f"pixels; accepted is 0, or {LEAST_PIXELS} and more. A fraction of the image needs "
            "SCRATCH.AREA_UNIT fraction"
        )
    if "pixels_per_mm" in names and "area_unit" not in names and saved.area_unit != "mm2":
        logger.warning(
            "SCRATCH.PIXELS_PER_MM changes nothing: the saved thresholds are in %s; areas in mm2 "
            "need SCRATCH.AREA_UNIT mm2 as well",
            saved.area_unit,
        )
    for name in {"area_method", "area_scaling"} & (names if "area" not in names else set()):
        if stated[name] != getattr(saved, name):
            logger.warning(
                "the area threshold of %g was chosen for SCRATCH.%s %s; calibrate again, or set "
                "SCRATCH.AREA_THRESHOLD, for %s",
                *(saved.area, name.upper(), getattr(saved, name), stated[name]),
            )
    values = {**asdict(saved), **{name: stated[name] for name in names}}
    thresholds = Thresholds.from_dict(values)
    return _check_band(_check_area(thresholds) if "area" in names else thresholds)


def _check_area(thresholds: Thresholds) -> Thresholds:
    """Return the thresholds; ValueError if a stated area is more than the image.

    Calibration may choose more for areas that are scaled, but a person who states it means pixels.
    """
    if thresholds.area_unit == "fraction" and thresholds.area > 1:
        raise ValueError(
            f"SCRATCH.AREA_THRESHOLD is {thresholds.area:g} of the image; accepted is 0 to 1. A "
            "threshold in pixels needs SCRATCH.AREA_UNIT pixel"
        )
    return thresholds


def _check_band(thresholds: Thresholds) -> Thresholds:
    """Return the thresholds; the log warns if a larger area has the milder verdict."""
    low, high = thresholds.review_band or (0, math.inf)
    if high < thresholds.area:
        logger.warning(
            "areas from %g to %g are Good, though those from %g on are for review; a review band "
            "that reaches the area threshold leaves no such gap",
            *(high, thresholds.area, low),
        )
    elif low > thresholds.area:
        logger.warning(
            "areas from %g to %g are Bad, though those from %g on are for review; a review band "
            "that begins at the area threshold or below leaves no such gap",
            *(thresholds.area, low, low),
        )
    return thresholds


def _areas_of_the_unit(saved: Thresholds, stated: Mapping[str, Any], names: set[str]) -> set[str]:
    """Return which areas of another unit replace the saved ones, besides those in `names`."""
    if "area" not in names:
        logger.warning(
            "the area threshold was %g in %s; in %s it is %g until you calibrate or set it",
            *(saved.area, saved.area_unit, stated["area_unit"], stated["area"]),
        )
    if "review_band" not in names and saved.review_band:
        logger.warning(
            "the review band was %g to %g in %s and is not used in %s",
            *(*saved.review_band, saved.area_unit, stated["area_unit"]),
        )
    return {"area", "review_band"}


def _warn_of_other_weights(
    file: Path, calibration: Mapping[str, Any], detector: Path, gate: Path | None
) -> None:
    used = {"weights_sha256": detector, "gate_sha256": gate}
    others = [text for key in used if (text := _difference(calibration, key, used[key]))]
    if others:
        logger.warning(
            "%s was calibrated for %s; run scratch-d2 calibrate again",
            file,
            " and for ".join(others),
        )


def _difference(calibration: Mapping[str, Any], key: str, weights: Path | None) -> str | None:
    """Say how a file of weights differs from what was calibrated, or None if it does not."""
    # A path that leads nowhere is refused when it is loaded.
    if key not in calibration or (weights and not weights.is_file()):
        return None
    calibrated, kind = calibration[key], "gate" if key == "gate_sha256" else "checkpoint"
    if not weights:
        return f"use with a {kind}, and GATE.WEIGHTS names none" if calibrated else None
    if not calibrated:
        return f"use without a {kind}"
    return None if calibrated == file_sha256(weights) else f"another {kind} than {weights}"
