"""Datasets by name: registered once, looked up by either engine, read from disk on first use."""

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from scratch_d2.checkpoints.bundle import SPLITS_FILE
from scratch_d2.data.dataset_spec import DatasetSpec, read_records
from scratch_d2.data.duplicates import DISTANCE
from scratch_d2.data.groups import BURST_GAP
from scratch_d2.data.records import Record
from scratch_d2.data.split import (
    FRACTIONS,
    SplitSettings,
    read_splits_file,
    split_names,
    write_splits,
)
from scratch_d2.data.training_record import STATISTICS, measure_training_data
from scratch_d2.utils.installed import detectron2_installed

CLASSES = ("scratch",)
CATEGORY_ID = 1  # in JSON files COCO counts categories from 1; dataset dicts count from 0
SPLITS = (*FRACTIONS, "all")
XYXY_ABS = 0  # detectron2.structures.BoxMode.XYXY_ABS, an IntEnum
logger = logging.getLogger(__name__)

_SPECS: dict[str, DatasetSpec] = {}
_said: set[str] = set()  # what was logged; several splits share one folder


def register_scratch_dataset(
    name: str,
    root: str | Path,
    *,
    split: str = "all",
    seed: int = 0,
    mask_threshold: int = 127,
    burst_gap: float = BURST_GAP,
    duplicate_distance: int = DISTANCE,
    folds: int = 0,
    replace: bool = False,
) -> None:
    """Register a folder of good/, bad/ and masks/ under a name; the disk is not touched.

    If Detectron2 is installed, the name is in its DatasetCatalog too, ready for any project.
    If `root` has a subfolder named like the split, with good/ and bad/ in it, that is used as it
    is. Otherwise, if `root` has a splits.json, the split is the one saved there, and its settings
    override the arguments here. Otherwise the split is drawn.

    Args:
        split: "train", "val", "test", "all" or, with folds, "fold0_train" and so on.
        mask_threshold: grey level in 0..255 above which a pixel of a grey mask is scratch.
        seed: the split is drawn from it.
        burst_gap: seconds between photographs of one group at most, by their file names.
        duplicate_distance: bits between the hashes of photographs of one group at most.
        folds: 0, or the number of folds, 3 or more.
        replace: replace a registration of the same name with other arguments.

    Raises ValueError for an unknown split, a setting that is not accepted, or a name that already
    means something else, here or to Detectron2.

    >>> register_scratch_dataset("labels_train", "/data/labels", split="train")
    >>> register_scratch_dataset("labels_x", "/data/labels", split="training")
    Traceback (most recent call last):
    ValueError: split 'training' is unknown; accepted are train, val, test, all
    """
    settings = SplitSettings(seed, burst_gap, duplicate_distance, folds)
    accepted = (*SPLITS, *split_names(folds)[len(FRACTIONS) :])
    if split not in accepted:
        raise ValueError(f"split {split!r} is unknown; accepted are {', '.join(accepted)}")
    spec = DatasetSpec(Path(root).expanduser(), split, mask_threshold, settings)
    if not replace and _SPECS.get(name, spec) != spec:
        raise ValueError(
            f"dataset {name!r} is already registered as {_SPECS[name]}, now asked for as {spec}; "
            "choose another name or pass replace=True"
        )
    if detectron2_installed():
        from scratch_d2.data.detectron2_catalog import register_in_detectron2

        classes = dict(enumerate(CLASSES, CATEGORY_ID))
        register_in_detectron2(name, partial(get_dataset_dicts, name), classes)
    _SPECS[name] = spec


def get_dataset_dicts(name: str) -> list[dict[str, Any]]:
    """Return a registered dataset as Detectron2's standard dicts, always the same list.

    Each has file_name, height, width, image_id (its index in the whole folder), annotations,
    and, beyond the standard, verdict ("good" or "bad"), mask_file (str or None), group, kind,
    sha256 and phash of its `Record`. What is odd in the folder is logged by name, once per process.

    A name that another project has registered with Detectron2 is read as `read_foreign_dicts` has
    it.

    Raises ValueError for an unknown name, FileNotFoundError for a missing folder.
    """
    if name in _SPECS:
        return _read_dicts(name, _SPECS[name])
    foreign = _read_foreign(name)
    if foreign is None:
        known = ", ".join(sorted(_SPECS)) or "none"
        raise ValueError(f"dataset {name!r} is not registered; registered are {known}")
    return foreign


def find_dataset_dicts(name_or_folder: str, mask_threshold: int = 127) -> list[dict[str, Any]]:
    """Return the dicts of a registered dataset or, without registering it, of a whole folder.

    A name overrides a folder of the same name; `mask_threshold` is for folders.

    Raises ValueError for what is neither, FileNotFoundError as `get_dataset_dicts` does.
    """
    if name_or_folder in _SPECS:
        return get_dataset_dicts(name_or_folder)
    folder = Path(name_or_folder)
    if not folder.is_dir():
        if (foreign := _read_foreign(name_or_folder)) is not None:
            return foreign
        known = ", ".join(sorted(_SPECS)) or "none"
        raise ValueError(
            f"{name_or_folder!r} is neither a folder nor a registered dataset; registered are "
            f"{known}"
        )
    return _read_dicts(name_or_folder, DatasetSpec(folder, "all", mask_threshold, SplitSettings()))


def is_registered(name: str) -> bool:
    """Whether a name was given to `register_scratch_dataset`."""
    return name in _SPECS


def _read_foreign(name: str) -> list[dict[str, Any]] | None:
    if not detectron2_installed():
        return None
    from scratch_d2.data.detectron2_catalog import read_foreign_dicts

    return read_foreign_dicts(name)


def _read_dicts(name: str, spec: DatasetSpec) -> list[dict[str, Any]]:
    try:
        records, chosen, remarks = read_records(spec)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"dataset {name!r}: {error}") from None
    for line in remarks:
        if line not in _said:
            _said.add(line)
            logger.warning(line)
    ids = {record.image: index for index, record in enumerate(records)}
    return [record_to_dict(record, ids[record.image]) for record in chosen]


def save_training_splits(
    train: Sequence[str],
    val: Sequence[str],
    folder: str | Path,
    start: str = "",
    resume: bool = False,
) -> Path:
    """Write folder/splits.json, from which an evaluation knows what a model has seen.

    Its settings hold the statistics of the training data as well. Datasets of other projects are
    left out, and the log says so.

    Args:
        train, val: names of datasets; their images are listed as "train" and "val".
        start: the checkpoint that training starts from; the training images listed in the
            splits.json beside it count as seen.
        resume: so do those in the folder's own splits.json.
    """
    names = {"train": list(train), "val": list(val)}
    foreign = [name for part in names.values() for name in part if name not in _SPECS]
    if foreign:
        logger.info("%s leaves out %s, not registered here", SPLITS_FILE, ", ".join(foreign))
    splits = {part: [name for name in names[part] if name in _SPECS] for part in names}
    rows = {
        part: [{**item, "file": item["file_name"]} for n in known for item in get_dataset_dicts(n)]
        for part, known in splits.items()
    }
    starts = [Path(start).parent / SPLITS_FILE] if start else []
    starts += [Path(folder) / SPLITS_FILE] if resume else []
    for file in filter(Path.is_file, starts):
        settings, before = read_splits_file(file)
        known = {row["sha256"] for row in rows["train"]}
        rows["train"] += [row for row in before.get("train", []) if row["sha256"] not in known]
        foreign += [name for name in settings.get("left_out") or [] if name not in foreign]
    measured = [item for name in splits["train"] for item in get_dataset_dicts(name)]
    settings = {**splits, "left_out": foreign, STATISTICS: measure_training_data(measured)}
    return write_splits(rows, Path(folder) / SPLITS_FILE, settings)


def record_to_dict(record: Record, image_id: int) -> dict[str, Any]:
    """Turn a record into one of Detectron2's dataset dicts.

    Boxes without a mask are annotations with iscrowd=1. A Bad image with neither gets one over the
    whole image: training leaves such images out and COCO evaluation ignores what is found in the
    crowd, so that it is never a negative. Coordinates are floats: Detectron2's ResizeTransform
    scales integer arrays in place and would cut off their fractions.
    """
    boxes: Sequence[Sequence[float]] = record.boxes
    if record.verdict == "bad" and record.mask is None and not boxes:
        boxes = [(0, 0, record.width, record.height)]
    regions = [_to_annotation(region.box, region.polygons, 0) for region in record.regions]
    crowds = [_to_annotation(box, [_corners(box)], 1) for box in boxes]
    return {
        "file_name": str(record.image),
        "height": record.height,
        "width": record.width,
        "image_id": image_id,
        "verdict": record.verdict,
        "group": record.group,
        "kind": record.kind,
        "sha256": record.sha256,
        "phash": record.phash,
        "mask_file": str(record.mask) if record.mask else None,
        "annotations": regions + crowds,
    }


def _to_annotation(
    box: Sequence[float], polygons: Sequence[Sequence[float]], iscrowd: int
) -> dict[str, Any]:
    return {
        "bbox": [float(value) for value in box],
        "bbox_mode": XYXY_ABS,
        "category_id": 0,
        "segmentation": [[float(value) for value in polygon] for polygon in polygons],
        "iscrowd": iscrowd,
    }


def _corners(box: Sequence[float]) -> list[float]:
    x0, y0, x1, y1 = box
    return [x0, y0, x1, y0, x1, y1, x0, y1]
