"""Put a dataset into Detectron2's catalogs."""

from collections.abc import Callable, Sequence
from typing import Any

from detectron2.data import DatasetCatalog, MetadataCatalog


def register_in_detectron2(
    name: str, load: Callable[[], list[dict[str, Any]]], classes: Sequence[str]
) -> None:
    """Make a dataset known to Detectron2, once; `load` returns its dicts."""
    if name in DatasetCatalog:
        return
    DatasetCatalog.register(name, load)
    # With evaluator_type "coco" the tools of Detectron2 itself evaluate the dataset as it is.
    MetadataCatalog.get(name).set(thing_classes=list(classes), evaluator_type="coco")
