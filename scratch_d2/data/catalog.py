"""Datasets by name: registered once, looked up by either engine, read from disk on first use."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from scratch_d2.data.probe import Region
from scratch_d2.data.records import BAD, GOOD, Record, scan_folder
from scratch_d2.data.split import FRACTIONS, split_records
from scratch_d2.installed import detectron2_installed

CLASSES = ("scratch",)
SPLITS = (*FRACTIONS, "all")
XYXY_ABS = 0  # detectron2.structures.BoxMode.XYXY_ABS, an IntEnum
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DatasetSpec:
    """Where a registered dataset lies and which part of it is meant."""

    root: Path
    split: str
    seed: int
    mask_threshold: int


_SPECS: dict[str, DatasetSpec] = {}
_reported: set[Path] = set()  # folders whose oddities were logged; the splits share one folder


def register_scratch_dataset(
    name: str,
    root: str | Path,
    *,
    split: str = "all",
    seed: int = 0,
    mask_threshold: int = 127,
    replace: bool = False,
) -> None:
    """Register a folder of good/, bad/ and masks/ under a name; the disk is not touched.

    Where Detectron2 is installed the name is in its DatasetCatalog too, ready for any project.
    If `root` has a subfolder named like the split, with good/ and bad/ in it, that is used as it
    is; otherwise the split is drawn from `seed`.

    Args:
        split: "train", "val", "test" or "all".
        mask_threshold: grey level in 0..255 above which a pixel of a grey mask is scratch.
        replace: replace a registration of the same name with other arguments.

    Raises ValueError for an unknown split, or a name that already means something else.
    """
    if split not in SPLITS:
        raise ValueError(f"split {split!r} is unknown; accepted are {', '.join(SPLITS)}")
    spec = DatasetSpec(Path(root), split, seed, mask_threshold)
    if not replace and _SPECS.get(name, spec) != spec:
        raise ValueError(
            f"dataset {name!r} is already registered as {_SPECS[name]}, now asked for as {spec}; "
            "choose another name or pass replace=True"
        )
    _SPECS[name] = spec

    if detectron2_installed():
        from scratch_d2.engines.d2.catalog import register_in_detectron2

        register_in_detectron2(name, partial(get_dataset_dicts, name), CLASSES)


def get_dataset_dicts(name: str) -> list[dict[str, Any]]:
    """Return a registered dataset as Detectron2's standard dicts, always the same list.

    Each has file_name, height, width, image_id (its index in the whole folder), annotations,
    and, beyond the standard, verdict ("good" or "bad") and mask_file (str or None). What is odd
    in the folder is logged by name, once per process.

    Raises ValueError for an unknown name, FileNotFoundError for a missing folder.
    """
    if name not in _SPECS:
        known = ", ".join(sorted(_SPECS)) or "none"
        raise ValueError(f"dataset {name!r} is not registered; registered are {known}")
    return _read_dicts(name, _SPECS[name])


def find_dataset_dicts(name_or_folder: str, mask_threshold: int = 127) -> list[dict[str, Any]]:
    """Return the dicts of a registered dataset or, without registering it, of a whole folder.

    A name goes before a folder of the same name; `mask_threshold` is for folders.

    Raises ValueError for what is neither, FileNotFoundError as `get_dataset_dicts` does.
    """
    if name_or_folder in _SPECS:
        return get_dataset_dicts(name_or_folder)
    folder = Path(name_or_folder)
    if not folder.is_dir():
        known = ", ".join(sorted(_SPECS)) or "none"
        raise ValueError(
            f"{name_or_folder!r} is neither a folder nor a registered dataset; registered are "
            f"{known}"
        )
    return _read_dicts(name_or_folder, DatasetSpec(folder, "all", 0, mask_threshold))


def _read_dicts(name: str, spec: DatasetSpec) -> list[dict[str, Any]]:
    own = spec.root / spec.split
    drawn = spec.split == "all" or not own.is_dir()
    try:
        records, report = scan_folder(spec.root if drawn else own, spec.mask_threshold)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"dataset {name!r}: {error}") from None
    if spec.root not in _reported:
        _reported.add(spec.root)
        for line in report.lines():
            logger.warning(line)
    chosen = records
    if drawn and spec.split != "all":
        chosen = split_records(records, spec.seed)[spec.split]
    ids = {record.image: index for index, record in enumerate(records)}
    return [record_to_dict(record, ids[record.image]) for record in chosen]


def record_to_dict(record: Record, image_id: int) -> dict[str, Any]:
    """Turn a record into one of Detectron2's dataset dicts.

    A Bad image without a mask gets one annotation over the whole image with iscrowd=1: training
    leaves such images out and COCO evaluation ignores what is found in them, so that they are
    never negatives. Coordinates are floats: Detectron2's ResizeTransform scales integer arrays in
    place and would cut off their fractions.
    """
    regions: Sequence[Region] = record.regions
    unknown = record.verdict == "bad" and record.mask is None
    if unknown:
        width, height = record.width, record.height
        whole = [0, 0, width, 0, width, height, 0, height]
        regions = [Region([0, 0, width, height], [whole])]
    return {
        "file_name": str(record.image),
        "height": record.height,
        "width": record.width,
        "image_id": image_id,
        "verdict": record.verdict,
        "mask_file": str(record.mask) if record.mask else None,
        "annotations": [
            {
                "bbox": [float(value) for value in region.box],
                "bbox_mode": XYXY_ABS,
                "category_id": 0,
                "segmentation": [[float(v) for v in polygon] for polygon in region.polygons],
                "iscrowd": int(unknown),
            }
            for region in regions
        ],
    }


def has_unknown_scratches(dataset_dict: dict[str, Any]) -> bool:
    """Whether an image is Bad without a mask, so that no detector may learn from it."""
    crowds = [annotation.get("iscrowd", 0) for annotation in dataset_dict.get("annotations", [])]
    return bool(crowds) and all(crowds)


def verdict_of(item: Mapping[str, Any]) -> str:
    """Return "good" or "bad"; without a verdict, as in other projects, annotations make it Bad."""
    return item.get("verdict") or (BAD if item.get("annotations") else GOOD)


def scratches_of(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the annotations that mark a scratch each; none for a Bad image without a mask."""
    return [a for a in item.get("annotations", []) if not a.get("iscrowd", 0)]
