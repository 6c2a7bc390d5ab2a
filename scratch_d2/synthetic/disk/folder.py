"""The dataset folder on disk: whose it is, what is still missing, and its COCO JSON."""

import json
import logging
import os
import platform
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import PIL

from scratch_d2.data.catalog import record_to_dict
from scratch_d2.data.coco import to_coco
from scratch_d2.data.images import ImageError
from scratch_d2.data.probe import probe_image, probe_mask
from scratch_d2.data.records import Record
from scratch_d2.structures.labels import BAD, GOOD
from scratch_d2.synthetic.disk.files import read_meta, write_file
from scratch_d2.synthetic.disk.parallel import Map
from scratch_d2.utils.files import PART
from scratch_d2.utils.opencv import cv2
from scratch_d2.utils.progress import track
from scratch_d2.utils.version import __version__

FOLDERS = (GOOD, BAD, "masks")
MANIFEST, ANNOTATIONS = "manifest.json", "annotations.json"
# Parameters that manifests of earlier releases lack, and what was rendered then.
ADDED: dict = {"damage": []}
ACCEPTED = "accepted are a new or empty folder, or one that this generator began"
logger = logging.getLogger(__name__)


def open_folder(out: Path, parameters: dict, planned: set[str]) -> set[str]:
    """Make a dataset's folder, or continue one that an earlier run of the same call began.

    Args:
        parameters: what every byte follows from, ready for JSON; written to the manifest.
        planned: the files of the finished dataset, like "good/name.png".

    Returns:
        The planned files that are still missing.

    Raises:
        FileExistsError: the folder holds something else, or began with other parameters.
        OSError: the folder cannot be written.
    """
    if out.is_dir() and any(not entry.name.startswith(".") for entry in out.iterdir()):
        _check_manifest(out, parameters)
        missing = planned - _finished(out, planned)
    else:
        missing = planned
    if missing:
        _prepare(out, parameters)
    return missing


def _check_manifest(out: Path, wanted: dict) -> None:
    """Refuse a folder that another call, or something else, has filled."""
    path = out / MANIFEST
    if not path.is_file():
        found = min(entry.name for entry in out.iterdir() if not entry.name.startswith("."))
        raise FileExistsError(f"out {str(out)!r} holds {found!r} but no {MANIFEST}; {ACCEPTED}")
    try:
        parameters = ADDED | json.loads(path.read_text(encoding="utf-8"))["parameters"]
        differing = [key for key in wanted if parameters.get(key) != wanted[key]]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise FileExistsError(f"{str(path)!r} is not a manifest of this generator") from None
    if differing:
        key = differing[0]
        raise FileExistsError(
            f"out {str(out)!r} was rendered with {key} = {parameters.get(key)!r}, not "
            f"{wanted[key]!r}; accepted are the same parameters, or another folder"
        )


def _files(out: Path) -> Iterator[tuple[str, os.DirEntry]]:
    """Yield what lies in a folder and in good/, bad/ and masks/, with its name from there."""
    for entry in os.scandir(out):
        yield entry.name, entry
        if entry.name in FOLDERS and entry.is_dir():
            for inner in os.scandir(entry):
                yield f"{entry.name}/{inner.name}", inner


def _finished(out: Path, planned: set[str]) -> set[str]:
    """Find the planned files that are there, and remove what a killed run left half done.

    An empty file, as a power cut leaves behind, is not finished. Raises FileExistsError for a
    visible file that is not planned.
    """
    finished, own = set(), {MANIFEST, ANNOTATIONS, *FOLDERS}
    for name, entry in _files(out):
        if entry.name.startswith(".") and entry.name.endswith(PART):
            Path(entry).unlink(missing_ok=True)
        elif name in planned:
            if entry.stat().st_size > 0:
                finished.add(name)
        elif not entry.name.startswith(".") and name not in own:
            raise FileExistsError(
                f"out {str(out)!r} holds {name!r}, which is not part of this dataset; {ACCEPTED}"
            )
    return finished


def _prepare(out: Path, parameters: dict) -> None:
    """Make manifest and folders; the COCO JSON has to wait until all images are there."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / ANNOTATIONS).unlink(missing_ok=True)
        _write_manifest(out, parameters)
        for folder in FOLDERS:
            (out / folder).mkdir(exist_ok=True)
    except OSError as error:
        raise OSError(
            f"out {str(out)!r} cannot be written ({error.strerror or error}); a folder with write "
            "permission is accepted"
        ) from None


def _libraries() -> dict[str, str]:
    """Versions that the pixels depend on beside the parameters (docs/benchmarks/speed.md)."""
    return {
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "pillow": PIL.__version__,
        "machine": platform.machine(),
    }


def _write_manifest(out: Path, parameters: dict) -> None:
    """Write the manifest, or add to it the libraries with which an interrupted run continues."""
    path, libraries = out / MANIFEST, _libraries()
    rendered_with = []
    if path.exists():
        rendered_with = json.loads(path.read_text(encoding="utf-8")).get("rendered_with", [])
    if libraries in rendered_with:
        return
    if rendered_with:
        before = rendered_with[-1]
        changed = [
            f"{k} {before.get(k)} -> {v}" for k, v in libraries.items() if before.get(k) != v
        ]
        logger.warning(
            "%s was begun with other libraries (%s): the rest of the pictures may differ slightly "
            "from what those would have rendered",
            *(out, ", ".join(changed)),
        )
    manifest = {
        "scratch_d2": __version__,
        "parameters": parameters,
        "rendered_with": [*rendered_with, libraries],
    }
    write_file(path, (json.dumps(manifest, indent=2) + "\n").encode("utf-8"))


def write_annotations(
    out: Path, planned: set[str], parallel_map: Map = map, progress: bool = False
) -> None:
    """Write `annotations.json`: COCO JSON of the whole folder, once all its files are there.

    Images have the ids and names that `scratch-d2 coco` gives them, and beyond the
    standard `meta`, how the image was made, if its file says so. The mask of bad/x is masks/x.

    Args:
        planned: all files, as `open_folder` was told.
        parallel_map: reads the files; see `open_workers`.
        progress: whether to say how far it is, on standard error.

    Raises OSError if a file cannot be used.
    """
    images = [
        name for kind in (GOOD, BAD) for name in sorted(planned) if name.startswith(f"{kind}/")
    ]
    content = to_coco([])
    try:
        pieces = parallel_map(partial(_image_to_coco, out=out), enumerate(images))
        what = f"writing {ANNOTATIONS}"
        for piece in track(pieces, what, len(images), show=progress):
            content["images"] += piece["images"]
            for annotation in piece["annotations"]:
                annotation["id"] = len(content["annotations"]) + 1
                content["annotations"].append(annotation)
    except ImageError as error:
        raise OSError(f"{error}; delete it, and the same call makes it again") from None
    write_file(out / ANNOTATIONS, json.dumps(content).encode("utf-8"))


def _image_to_coco(numbered: tuple[int, str], out: Path) -> dict:
    """COCO JSON of one image and its mask; both are decoded whole, so damage is found."""
    image_id, name = numbered
    verdict, file = name.split("/")
    mask = out / "masks" / file if verdict == BAD else None
    facts = probe_image(out / name)
    regions = probe_mask(mask, threshold=127).regions if mask else ()
    record = Record(out / name, verdict, mask, "", facts.width, facts.height, regions)
    piece = to_coco([record_to_dict(record, image_id)])
    if meta := read_meta(out / name):
        piece["images"][0]["meta"] = meta
    return piece
