"""Detectron2's catalogs: datasets put into them, and those that other projects have put there."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from detectron2.data import DatasetCatalog, MetadataCatalog
from detectron2.structures import BoxMode

from scratch_d2.data.probe import FileFacts, probe_files
from scratch_d2.structures.dataset_dict import verdict_of

NEEDED = ("file_name", "height", "width", "image_id")


def register_in_detectron2(
    name: str, load: Callable[[], list[dict[str, Any]]], classes: Mapping[int, str]
) -> None:
    """Make a dataset known to Detectron2, once; `load` returns its dicts.

    Args:
        load: a partial of a function of this package, by which the dataset is known again.
        classes: names of the categories by their ids in COCO's JSON; in dicts they count from 0.

    Raises ValueError if another project has registered the name.
    """
    if name not in DatasetCatalog:
        DatasetCatalog.register(name, load)
    elif _function(DatasetCatalog[name]) != _function(load):
        raise ValueError(
            f"dataset {name!r} is already registered with Detectron2, and not by scratch_d2; "
            "choose another name"
        )
    # With evaluator_type "coco" the tools of Detectron2 itself evaluate the dataset as it is.
    MetadataCatalog.get(name).set(
        thing_classes=list(classes.values()),
        thing_dataset_id_to_contiguous_id={key: place for place, key in enumerate(classes)},
        evaluator_type="coco",
    )


def _function(load: Any) -> tuple[str, str]:
    """Name what a partial calls; a module that is loaded anew has other functions of that name."""
    function = getattr(load, "func", load)
    return getattr(function, "__module__", ""), getattr(function, "__qualname__", "")


def read_foreign_dicts(name: str) -> list[dict[str, Any]] | None:
    """Return a dataset that another project registered, as `register_coco_instances` does.

    Boxes become XYXY; verdict, sha256 and phash are added. An image with annotations is Bad. None
    if Detectron2 does not know the name.

    Raises ValueError naming dataset and image if a dict is not usable: several categories, an
    annotation without a mask, a file that cannot be read.
    """
    if name not in DatasetCatalog:
        return None
    dicts = DatasetCatalog.get(name)
    classes = MetadataCatalog.get(name).get("thing_classes", None) or []
    if len(classes) > 1:
        raise ValueError(
            f"dataset {name!r} has the classes {', '.join(map(str, classes))}; accepted is one, "
            "which is taken for scratches"
        )
    for item in dicts:
        if missing := [key for key in NEEDED if key not in item]:
            raise ValueError(f"dataset {name!r}: a dict lacks {', '.join(missing)}")
    facts = probe_files(Path(name), [Path(item["file_name"]) for item in dicts], [], 127)
    return [_adapt(name, item, facts[Path(item["file_name"])]) for item in dicts]


def _adapt(name: str, item: dict[str, Any], facts: FileFacts) -> dict[str, Any]:
    where = f"dataset {name!r}, {item['file_name']!r}"
    if facts.error:
        raise ValueError(f"{where}: {facts.error}")
    if (facts.width, facts.height) != (item["width"], item["height"]):
        raise ValueError(
            f"{where}: the file is {facts.width}x{facts.height} pixels, the dataset says "
            f"{item['width']}x{item['height']}"
        )
    annotations = [_adapt_annotation(where, each) for each in item.get("annotations", [])]
    known = {"verdict": verdict_of(item), "sha256": facts.sha256, "phash": facts.phash}
    return {**known, "mask_file": None, **item, "annotations": annotations}


def _adapt_annotation(where: str, annotation: dict[str, Any]) -> dict[str, Any]:
    if not annotation.get("segmentation"):
        raise ValueError(f"{where}: an annotation has no segmentation; a mask is expected")
    if annotation.get("category_id", 0) != 0:
        raise ValueError(
            f"{where}: an annotation has the category {annotation['category_id']}; accepted is 0"
        )
    box = BoxMode.convert(list(annotation["bbox"]), annotation["bbox_mode"], BoxMode.XYXY_ABS)
    box = [float(value) for value in box]
    return {**annotation, "bbox": box, "bbox_mode": 0, "iscrowd": annotation.get("iscrowd", 0)}
