"""Export one model, a gate or a detector, as a file that agrees with torch."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from fvcore.common.config import CfgNode

from scratch_d2.bundles.checking import SCORES, Difference, check_images, compare_detectors
from scratch_d2.bundles.models import BundleDetector, BundleGate
from scratch_d2.bundles.sessions import SUFFIXES, open_session, pick_runtime
from scratch_d2.engines.base import Detector


def export_gate_file(
    weights: str | Path, output: Path, kind: str = "onnx", runtime: str = "auto"
) -> str:
    """Write a gate's checkpoint as one file, or for OpenVINO as .xml and .bin.

    Args:
        runtime: in which it is compared with torch, as in `pick_runtime`.

    Returns how far it is from torch. Raises what `scratch_d2.gate.export.export_gate` raises.
    """
    from scratch_d2.gate.export import export_gate

    _check_suffix(output, kind)
    with scratch_folder(output) as part:
        raw = part / f"{output.stem}.onnx"
        export_gate(weights, raw)
        made = _convert(raw, kind)
        difference = _compare_gate(weights, made, pick_runtime(runtime, kind))
        _refuse(weights, f"p(Bad) by {difference:.1e}", difference <= SCORES)
        _move(made, output)
    return f"gate: p(Bad) differs from torch by {difference:.1e} at most"


def _compare_gate(weights: str | Path, file: Path, runtime: str) -> float:
    from scratch_d2.gate import Gate

    gate, images = Gate.load(weights), check_images()
    exported = BundleGate(open_session(file, runtime), gate.info)
    return float(np.abs(exported(images) - gate(images)).max())


def export_detector_file(
    cfg: CfgNode,
    weights: str | Path,
    output: Path,
    kind: str = "onnx",
    runtime: str = "auto",
    detector: Detector | None = None,
) -> str:
    """Write a detector's checkpoint as one file, or for OpenVINO as .xml and .bin.

    Args:
        runtime: in which it is compared with torch, as in `pick_runtime`.
        detector: what it is compared with; None loads the embedded engine's.

    Returns how far it is from torch. Raises what
    `scratch_d2.engines.embedded.export.write_detector` raises, and ValueError if it differs.
    """
    from scratch_d2.engines.embedded.export import write_detector

    _check_suffix(output, kind)
    with scratch_folder(output) as part:
        raw = part / f"{output.stem}.onnx"
        write_detector(cfg, weights, raw)
        made = _convert(raw, kind)
        expected = detector or load_embedded(cfg, weights)
        difference = compare_export(cfg, expected, made, pick_runtime(runtime, kind))
        _refuse(weights, str(difference), difference.accepted)
        _move(made, output)
    return f"detector: {difference}"


def compare_export(cfg: CfgNode, expected: Detector, file: Path, runtime: str) -> Difference:
    """Compare a detector with an exported file in a runtime, on `check_images`."""
    from scratch_d2.engines.embedded.export import detector_input

    exported = BundleDetector(open_session(file, runtime), **detector_input(cfg))
    return compare_detectors(expected, exported, check_images())


def load_embedded(cfg: CfgNode, weights: str | Path) -> Detector:
    """Return the exact detector of the embedded engine, on the processor."""
    from scratch_d2.engines.embedded import EmbeddedEngine

    cfg = cfg.clone()
    cfg.defrost()
    cfg.MODEL.DEVICE = "cpu"
    return EmbeddedEngine().load(cfg, weights)


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
def scratch_folder(output: Path) -> Iterator[Path]:
    """Yield a hidden folder beside an output, which is gone afterwards."""
    parent = output.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
