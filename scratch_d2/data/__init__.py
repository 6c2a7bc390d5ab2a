"""From folders of photographs to dataset dicts: images, masks, records, split, catalog, COCO."""

from scratch_d2.data.catalog import get_dataset_dicts, register_scratch_dataset
from scratch_d2.data.images import ImageError, read_image
from scratch_d2.data.mask_files import read_mask
from scratch_d2.data.records import Record, ScanReport, scan_folder

__all__ = [
    "ImageError",
    "Record",
    "ScanReport",
    "get_dataset_dicts",
    "read_image",
    "read_mask",
    "register_scratch_dataset",
    "scan_folder",
]
