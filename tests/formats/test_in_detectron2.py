"""A plain Detectron2 project trains on an imported set: its catalog, its loader, its mapper."""

import pytest

from scratch_d2 import register_scratch_dataset
from scratch_d2.formats.importing import import_labels
from tests.formats import sets

pytestmark = pytest.mark.detectron2


@pytest.fixture
def registered(tmp_path):
    from detectron2.data import DatasetCatalog, MetadataCatalog

    import_labels(sets.coco(tmp_path / "set"), tmp_path / "out")
    register_scratch_dataset("tests_imported", tmp_path / "out", replace=True)
    yield "tests_imported"
    DatasetCatalog.remove("tests_imported")
    MetadataCatalog.remove("tests_imported")


def test_the_plain_loader_reads_an_imported_set(registered):
    from detectron2.config import get_cfg
    from detectron2.data import (
        DatasetCatalog,
        DatasetMapper,
        MetadataCatalog,
        build_detection_train_loader,
    )

    cfg = get_cfg()
    cfg.DATASETS.TRAIN = (registered,)
    cfg.INPUT.MIN_SIZE_TRAIN, cfg.INPUT.RANDOM_FLIP = (sets.HEIGHT,), "none"
    cfg.MODEL.MASK_ON = True
    cfg.SOLVER.IMS_PER_BATCH, cfg.DATALOADER.NUM_WORKERS = 1, 0
    assert len(DatasetCatalog.get(registered)) == 3
    assert MetadataCatalog.get(registered).thing_classes == ["scratch"]
    loader = build_detection_train_loader(cfg, mapper=DatasetMapper(cfg, is_train=True))
    (item,) = next(iter(loader))
    # Detectron2 leaves out an image without annotations, and one with crowd regions only.
    assert item["file_name"].endswith("outlined.png")
    instances = item["instances"]
    assert instances.gt_boxes.tensor.tolist() == [[20, 20, 50, 40]]
    assert instances.gt_classes.tolist() == [0]
    assert instances.gt_masks.area().tolist() == [sets.MASK.sum()]
