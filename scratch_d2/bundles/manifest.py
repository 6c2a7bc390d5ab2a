"""bundle.json: what an exported bundle holds, and how its models want their images."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scratch_d2.structures.thresholds import THRESHOLDS_FILE
from scratch_d2.utils.files import file_sha256, write_atomically
from scratch_d2.utils.version import __version__

# Raised whenever a file of this version could not be run by the release before.
FORMAT = 2
MANIFEST_FILE = "bundle.json"
KINDS = ("onnx", "openvino")


@dataclass(frozen=True)
class Manifest:
    """What a bundle is made of.

    Attributes:
        kind: "onnx" or "openvino", the format of the models.
        files: SHA-256 of every file of the models, by its name.
        detector: {"min_size": px, "max_size": px}, as INPUT.MIN_SIZE_TEST and MAX_SIZE_TEST.
        gate: the metadata of the gate's checkpoint, its preprocessing among them; None without one.
        white_level: as SCRATCH.WHITE_LEVEL.
        check_images: as GATE.CHECK_IMAGES.
        calibrated_on, weights_sha256, gate_sha256: as in a `ModelBundle`, of the checkpoints that
            were exported.
        written_by: version of this package.
    """

    kind: str
    files: Mapping[str, str]
    detector: Mapping[str, int]
    gate: Mapping[str, Any] | None = None
    white_level: float = 0.0
    check_images: bool = True
    calibrated_on: str = ""
    weights_sha256: str = ""
    gate_sha256: str | None = None
    written_by: str = field(default=__version__)

    def save(self, folder: Path) -> Path:
        """Write bundle.json into a folder."""
        content = {"format": FORMAT, **asdict(self)}
        text = json.dumps(content, indent=2, default=str, allow_nan=False)
        return write_atomically(text + "\n", folder / MANIFEST_FILE)


def read_manifest(folder: str | Path) -> Manifest:
    """Read bundle.json of a bundle, and see that its files are there and whole.

    Raises:
        FileNotFoundError: the folder or a file of the bundle is missing; all that are, are named.
        ValueError: the bundle has another version, which is named with this one, or was damaged.
    """
    folder = Path(folder)
    path = folder / MANIFEST_FILE
    if not path.is_file():
        raise FileNotFoundError(
            f"{str(folder)!r} is no bundle: it has no {MANIFEST_FILE}; scratch-d2 export writes one"
        )
    manifest = _parse(path)
    names = [*manifest.files, THRESHOLDS_FILE]
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(f"bundle {str(folder)!r} lacks {', '.join(missing)}")
    changed = [name for name, sha in manifest.files.items() if file_sha256(folder / name) != sha]
    if changed:
        raise ValueError(
            f"bundle {str(folder)!r}: {', '.join(changed)} changed since the export; export again"
        )
    return manifest


def _parse(path: Path) -> Manifest:
    try:
        content = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not a bundle's manifest ({error})") from None
    if not isinstance(content, dict) or "format" not in content:
        raise ValueError(f"{path}: not a bundle's manifest; it has no key 'format'")
    found = content.pop("format")
    if found != FORMAT:
        raise ValueError(
            f"{path}: the bundle has format {found!r}, written by scratch_d2 "
            f"{content.get('written_by', 'of an unknown version')}; scratch_d2 {__version__} reads "
            f"format {FORMAT}; export the models again with this version, or install that one"
        )
    try:
        manifest = Manifest(**content)
    except TypeError as error:
        raise ValueError(f"{path}: not a bundle's manifest ({error})") from None
    if manifest.kind not in KINDS:
        raise ValueError(f"{path}: kind is {manifest.kind!r}; accepted are {', '.join(KINDS)}")
    return manifest
