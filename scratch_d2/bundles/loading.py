"""Load a bundle: its models in a runtime, its thresholds, and what it was made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scratch_d2.bundles.manifest import Manifest, read_manifest
from scratch_d2.bundles.models import BundleDetector, BundleGate
from scratch_d2.bundles.sessions import SUFFIXES, open_session, pick_runtime
from scratch_d2.checkpoints.bundle import CONFIG_KEYS, model_id, override_thresholds
from scratch_d2.config import load_config
from scratch_d2.config_keys import RENAMED_KEYS
from scratch_d2.gate.familiarity import Familiarity
from scratch_d2.structures.thresholds import THRESHOLDS_FILE, Thresholds, read_thresholds

# What the features of Good training images look like, as `Familiarity.to_dict` returns it.
FAMILIARITY_FILE = "familiarity.npz"


@dataclass(frozen=True)
class LoadedBundle:
    """The models of a bundle, ready to run.

    Attributes:
        gate: None sends every image to the detector.
        runtime: "onnxruntime" or "openvino".
    """

    folder: Path
    gate: BundleGate | None
    detector: BundleDetector
    thresholds: Thresholds
    manifest: Manifest
    runtime: str

    @property
    def metadata(self) -> dict[str, object]:
        """What it was made of, as prediction writes it into settings.json."""
        suffix = SUFFIXES[self.manifest.kind]
        hashes = {name: getattr(self.manifest, name) for name in ("weights_sha256", "gate_sha256")}
        return {
            "engine": self.runtime,
            "device": "cpu",
            "precision": "float32",
            "weights": str(self.folder / f"detector{suffix}"),
            "gate_weights": str(self.folder / f"gate{suffix}") if self.gate else None,
            "model_id": model_id(hashes, self.thresholds),
            "calibrated_on": self.manifest.calibrated_on,
        }


def load_bundle(
    folder: str | Path, opts: Sequence[str] = (), runtime: str = "auto", threads: int = 0
) -> LoadedBundle:
    """Load what `scratch-d2 export` wrote; torch is not imported.

    Args:
        opts: KEY VALUE pairs of thresholds, which override thresholds.json.
        runtime: "auto", "onnxruntime" or "openvino".
        threads: processors for one call of a model; 0 takes all.

    Raises what `read_manifest`, `pick_runtime` and `open_session` raise, and ValueError for a key
    that is no threshold.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    runtime = pick_runtime(runtime, manifest.kind)
    thresholds = _thresholds(folder, opts)
    suffix = SUFFIXES[manifest.kind]
    gate = None
    if manifest.gate is not None:
        session = open_session(folder / f"gate{suffix}", runtime, threads)
        gate = BundleGate(session, manifest.gate, _read_familiarity(folder / FAMILIARITY_FILE))
    session = open_session(folder / f"detector{suffix}", runtime, threads)
    detector = BundleDetector(session, **manifest.detector)
    return LoadedBundle(folder, gate, detector, thresholds, manifest, runtime)


def _read_familiarity(file: Path) -> Familiarity | None:
    if not file.is_file():
        return None
    with np.load(file, allow_pickle=False) as values:
        return Familiarity.from_dict(values)


def _thresholds(folder: Path, opts: Sequence[str]) -> Thresholds:
    keys = [RENAMED_KEYS.get(key, key) for key in opts[::2]]
    others = [key for key in keys if key not in CONFIG_KEYS]
    if others:
        raise ValueError(
            f"{others[0]} cannot be set for a bundle, whose models are as they were exported; "
            f"accepted are {', '.join(CONFIG_KEYS)}"
        )
    saved = read_thresholds(folder / THRESHOLDS_FILE)[0]
    return override_thresholds(saved, load_config(None, opts), opts)
