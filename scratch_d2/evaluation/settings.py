"""What an evaluation goes by, as one frozen value."""

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fvcore.common.config import CfgNode

from scratch_d2.checkpoints.bundle import (
    ModelBundle,
    gate_weights,
    record_beside,
    thresholds_from_config,
)
from scratch_d2.data.duplicates import DISTANCE
from scratch_d2.data.groups import BURST_GAP
from scratch_d2.structures.thresholds import Thresholds

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EvaluationSettings:
    """Thresholds, gate, and what is known of the training images.

    Attributes:
        thresholds: those that judge.
        gate: checkpoint of the gate; None evaluates the area rule alone.
        gate_device: as MODEL.DEVICE.
        gate_batch_size: images that the gate scores at a time.
        max_detections: how many detections of an image count for AP, highest scores first.
        detector_record: the splits.json that lists the detector's training images, or None.
        gate_record: the same of the gate.
        train_datasets: registered datasets that the detector is being trained on; known only
            while it is.
        duplicate_distance: bits by which the hashes of near-duplicates differ at most; -1
            compares none.
        burst_gap: seconds between shots of one burst at most.
        calibrated_on: hash of the images on which the thresholds were chosen, "" if not known.
        white_level: as SCRATCH.WHITE_LEVEL.
        check_images: as GATE.CHECK_IMAGES.
    """

    thresholds: Thresholds = field(default_factory=Thresholds)
    gate: Path | None = None
    gate_device: str = "cpu"
    gate_batch_size: int = 32
    max_detections: int = 100
    detector_record: Path | None = None
    gate_record: Path | None = None
    train_datasets: tuple[str, ...] = ()
    duplicate_distance: int = DISTANCE
    burst_gap: float = BURST_GAP
    calibrated_on: str = ""
    white_level: float = 0.0
    check_images: bool = True

    @classmethod
    def of_bundle(cls, cfg: CfgNode, bundle: ModelBundle) -> "EvaluationSettings":
        """Return the settings that evaluate finished models."""
        return cls(
            thresholds=bundle.thresholds,
            gate=bundle.gate,
            detector_record=bundle.detector_record,
            gate_record=bundle.gate_record,
            calibrated_on=bundle.calibrated_on,
            **_shared(cfg),
        )

    @classmethod
    def in_training(cls, cfg: CfgNode) -> "EvaluationSettings":
        """Return the settings that evaluate the detector which a config trains."""
        gate, record = gate_weights(cfg), cfg.SCRATCH.TRAINED_ON
        thresholds = thresholds_from_config(cfg)
        if gate is None and thresholds.area_scaling != "none":
            logger.warning(
                "SCRATCH.AREA_SCALING %s needs a gate (GATE.WEIGHTS); without one this evaluation "
                "judges by the same area threshold on all images",
                thresholds.area_scaling,
            )
            thresholds = replace(thresholds, area_scaling="none")
        return cls(
            thresholds=thresholds,
            gate=gate,
            detector_record=Path(record) if record else None,
            gate_record=record_beside(gate) if gate else None,
            train_datasets=tuple(cfg.DATASETS.TRAIN),
            **_shared(cfg),
        )


DEFAULT_SETTINGS = EvaluationSettings()


def _shared(cfg: CfgNode) -> dict[str, Any]:
    return {
        "gate_device": cfg.MODEL.DEVICE,
        "gate_batch_size": cfg.GATE.BATCH_SIZE,
        "max_detections": cfg.TEST.DETECTIONS_PER_IMAGE,
        "duplicate_distance": cfg.SCRATCH.DUPLICATE_DISTANCE,
        "burst_gap": cfg.SCRATCH.BURST_GAP,
        "white_level": cfg.SCRATCH.WHITE_LEVEL,
        "check_images": cfg.GATE.CHECK_IMAGES,
    }
