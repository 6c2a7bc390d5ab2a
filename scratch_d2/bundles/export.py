"""Export gate, detector, or both with their thresholds as a bundle, and compare them with torch."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from fvcore.common.config import CfgNode

from scratch_d2.bundles.checking import SCORES, Difference, check_images, compare_detectors
from scratch_d2.bundles.loading import FAMILIARITY_FILE
from scratch_d2.bundles.manifest import Manifest
from scratch_d2.bundles.models import BundleDetector, BundleGate
from scratch_d2.bundles.readme import write_readme
from scratch_d2.bundles.sessions import SUFFIXES, open_session, pick_runtime
from scratch_d2.checkpoints.bundle import ModelBundle, resolve_bundle
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
    output, models = Path(output), resolve_bundle(cfg, opts)
    if output.exists():
        raise FileExistsError(f"{str(output)!r} exists; choose another folder for the bundle")
    with _scratch_folder(output) as part:
        folder = part / output.name
        folder.mkdir()
        lines = _export_models(cfg, models, folder, kind)
        manifest = _describe(cfg, models, folder, kind)
        models.thresholds.save(folder, _calibration(models))
        manifest.save(folder)
        write_readme(folder, manifest, models.thresholds)
        folder.replace(output)
    return lines


def _export_models(cfg: CfgNode, models: ModelBundle, folder: Path, kind: str) -> list[str]:
    suffix, lines = SUFFIXES[kind], []
    if models.gate is not None:
        lines.append(export_gate_file(models.gate, folder / f"gate{suffix}", kind))
        _save_familiarity(models.gate, folder / FAMILIARITY_FILE)
    lines.append(export_detector_file(cfg, models.detector, folder / f"detector{suffix}", kind))
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
    from scratch_d2.gate import Gate

    if (known := Gate.load(weights).familiarity) is not None:
        np.savez(file, **known.to_dict())


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


def export_gate_file(weights: str | Path, output: Path, kind: str = "onnx") -> str:
    """Write a gate's checkpoint as one file, or for OpenVINO as .xml and .bin.

    Returns how far it is from torch. Raises what `scratch_d2.gate.export.export_gate` raises.
    """
    from scratch_d2.gate import Gate
    from scratch_d2.gate.export import export_gate

    _check_suffix(output, kind)
    with _scratch_folder(output) as part:
        difference = export_gate(weights, part / f"{output.stem}.onnx")
        made = _convert(part / f"{output.stem}.onnx", kind)
        if kind == "openvino":
            gate, images = Gate.load(weights), check_images()
            exported = BundleGate(open_session(made, kind), gate.info)
            difference = float(np.abs(exported(images) - gate(images)).max())
            _refuse(weights, f"p(Bad) by {difference:.1e}", difference <= SCORES)
        _move(made, output)
    return f"gate: p(Bad) differs from torch by {difference:.1e} at most"


def export_detector_file(
    cfg: CfgNode, weights: str | Path, output: Path, kind: str = "onnx"
) -> str:
    """Write a detector's checkpoint as one file, or for OpenVINO as .xml and .bin.

    Returns how far it is from torch. Raises what
    `scratch_d2.engines.embedded.export.write_detector` raises, and ValueError if it differs.
    """
    from scratch_d2.engines.embedded.export import write_detector

    _check_suffix(output, kind)
    with _scratch_folder(output) as part:
        raw = part / f"{output.stem}.onnx"
        write_detector(cfg, weights, raw)
        made = _convert(raw, kind)
        difference = _compare_detector(cfg, weights, made, kind)
        _refuse(weights, str(difference), difference.accepted)
        _move(made, output)
    return f"detector: {difference}"


def _compare_detector(cfg: CfgNode, weights: str | Path, file: Path, kind: str) -> Difference:
    from scratch_d2.engines.embedded import EmbeddedEngine
    from scratch_d2.engines.embedded.export import detector_input

    cfg = cfg.clone()
    cfg.defrost()
    cfg.MODEL.DEVICE = "cpu"
    session = open_session(file, pick_runtime("auto", kind))
    exported = BundleDetector(session, **detector_input(cfg))
    return compare_detectors(EmbeddedEngine().load(cfg, weights), exported, check_images())


def _refuse(weights: str | Path, difference: str, accepted: bool) -> None:
    if not accepted:
        raise ValueError(
            f"the export of {str(weights)!r} differs from torch ({difference}); it was not kept"
        )


def _convert(file: Path, kind: str) -> Path:
    """Return the file in the format asked for, beside the ONNX file."""
    if kind == "onnx":
        return file
    try:
        import openvino
    except ImportError:
        raise ImportError(
            "export to OpenVINO needs openvino: pip install 'scratch_d2[openvino]'"
        ) from None
    import onnx

    model = openvino.convert_model(str(file))
    for entry in onnx.load(file).metadata_props:
        model.set_rt_info(entry.value, ["scratch_d2", entry.key])
    made = file.with_suffix(".xml")
    # Half precision, the default, would cost parity and gain only the size of the file.
    openvino.save_model(model, str(made), compress_to_fp16=False)
    return made


def _check_suffix(output: Path, kind: str) -> None:
    if output.suffix != SUFFIXES[kind]:
        raise ValueError(
            f"output {str(output)!r}: a model of kind {kind!r} needs the suffix {SUFFIXES[kind]}"
        )


def _move(made: Path, output: Path) -> None:
    if made.suffix == ".xml":
        made.with_suffix(".bin").replace(output.with_suffix(".bin"))
    made.replace(output)


@contextmanager
def _scratch_folder(output: Path) -> Iterator[Path]:
    """Yield a hidden folder beside an output, which is gone afterwards."""
    parent = output.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
