"""Export both models of a config with their thresholds as a bundle."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fvcore.common.config import CfgNode

from scratch_d2.bundles.loading import FAMILIARITY_FILE
from scratch_d2.bundles.manifest import Manifest
from scratch_d2.bundles.model_files import (
    export_detector_file,
    export_gate_file,
    scratch_folder,
)
from scratch_d2.bundles.readme import write_readme
from scratch_d2.bundles.sessions import SUFFIXES
from scratch_d2.checkpoints.bundle import ModelBundle, resolve_bundle
from scratch_d2.engines.base import Detector
from scratch_d2.structures.thresholds import THRESHOLDS_FILE, read_thresholds
from scratch_d2.utils.files import file_sha256


def export_bundle(
    cfg: CfgNode, output: str | Path, kind: str = "onnx", opts: Sequence[str] = ()
) -> list[str]:
    """Write the models of a config, thresholds.json, bundle.json and README.md into a new folder.

    The folder appears only once it is whole and its models agree with torch.

    Args:
        kind: "onnx" or "openvino".
        opts: KEY VALUE pairs, already merged into the config, which override saved thresholds.

    Returns how far the models are from torch, a sentence each.

    Raises:
        FileExistsError: `output` exists. FileNotFoundError: there are no weights.
        ImportError: a package is not installed.
        ValueError: a key of the config is not honoured, or a model differs from torch.
    """
    if Path(output).exists():
        raise FileExistsError(f"{str(output)!r} exists; choose another folder for the bundle")
    return write_bundle(cfg, resolve_bundle(cfg, opts), Path(output), kind)


def write_bundle(
    cfg: CfgNode,
    models: ModelBundle,
    output: Path,
    kind: str = "onnx",
    runtime: str = "auto",
    detector: Detector | None = None,
) -> list[str]:
    """Write models that are resolved already, as `export_bundle` does.

    Args:
        runtime: in which they are compared with torch, as in `pick_runtime`.
        detector: what the exported detector is compared with; None loads the embedded engine's.
    """
    with scratch_folder(output) as part:
        folder = part / output.name
        folder.mkdir()
        lines = _export_models(cfg, models, folder, kind, runtime, detector)
        manifest = _describe(cfg, models, folder, kind)
        models.thresholds.save(folder, _calibration(models))
        manifest.save(folder)
        write_readme(folder, manifest, models.thresholds)
        folder.replace(output)
    return lines


def _export_models(
    cfg: CfgNode,
    models: ModelBundle,
    folder: Path,
    kind: str,
    runtime: str,
    detector: Detector | None,
) -> list[str]:
    suffix, lines = SUFFIXES[kind], []
    if models.gate is not None:
        lines.append(export_gate_file(models.gate, folder / f"gate{suffix}", kind, runtime))
        _save_familiarity(models.gate, folder / FAMILIARITY_FILE)
    file = folder / f"detector{suffix}"
    lines.append(export_detector_file(cfg, models.detector, file, kind, runtime, detector))
    return lines


def _describe(cfg: CfgNode, models: ModelBundle, folder: Path, kind: str) -> Manifest:
    from scratch_d2.engines.embedded.export import detector_input

    return Manifest(
        kind=kind,
        files={path.name: file_sha256(path) for path in sorted(folder.iterdir())},
        detector=detector_input(cfg),
        gate=_gate_metadata(models.gate) if models.gate else None,
        white_level=cfg.SCRATCH.WHITE_LEVEL,
        check_images=cfg.GATE.CHECK_IMAGES,
        calibrated_on=models.calibrated_on,
        **models.hash_weights(),  # type: ignore[arg-type]
    )


def _save_familiarity(weights: Path, file: Path) -> None:
    from scratch_d2.checkpoints.files import read_checkpoint
    from scratch_d2.gate.model import FAMILIARITY

    if known := read_checkpoint(weights).get(FAMILIARITY):
        arrays: dict[str, Any] = {name: np.asarray(value) for name, value in known.items()}
        np.savez(file, **arrays)


def _gate_metadata(weights: Path) -> dict[str, Any]:
    from scratch_d2.checkpoints.files import read_checkpoint
    from scratch_d2.gate.model import gate_info

    return gate_info(read_checkpoint(weights), weights)


def _calibration(models: ModelBundle) -> Mapping[str, Any] | None:
    """Return how saved thresholds were chosen, if those in force are the saved ones."""
    file = models.detector.parent / THRESHOLDS_FILE
    if not file.is_file():
        return None
    saved, calibration = read_thresholds(file)
    return calibration or None if saved == models.thresholds else None
