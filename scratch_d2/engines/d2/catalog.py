"""Put registered datasets into Detectron2's catalogs."""

from detectron2.data import DatasetCatalog, MetadataCatalog

from scratch_d2.data.catalog import CLASSES, get_dataset_dicts


def register_in_detectron2(name: str) -> None:
    """Make a registered dataset known to DatasetCatalog and MetadataCatalog, once."""
    if name in DatasetCatalog:
        return
    DatasetCatalog.register(name, lambda: get_dataset_dicts(name))
    # With evaluator_type "coco" the tools of Detectron2 itself evaluate the dataset as it is.
    MetadataCatalog.get(name).set(thing_classes=list(CLASSES), evaluator_type="coco")
