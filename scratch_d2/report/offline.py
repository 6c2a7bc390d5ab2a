"""Write the report of an evaluation from its folder."""

import json
from pathlib import Path

from scratch_d2.data.catalog import find_dataset_dicts
from scratch_d2.evaluation.files import DETECTIONS, read_evaluation
from scratch_d2.evaluation.images import ImageTable
from scratch_d2.evaluation.results_io import to_predictions
from scratch_d2.report.page import write_report
from scratch_d2.structures.thresholds import Thresholds


def write_report_of(folder: str | Path, dataset: str) -> Path:
    """Write report.html into the folder of an evaluation, from the files in it.

    Args:
        dataset: the registered name or folder of the images that were evaluated.
    """
    folder = Path(folder)
    (results, metadata), images = read_evaluation(folder), ImageTable.load(folder)
    thresholds = Thresholds.from_dict(metadata["thresholds"])
    evaluated = set(images.image_id)
    whole = find_dataset_dicts(dataset)
    dicts = [item for item in whole if item["image_id"] in evaluated]
    entries = json.loads((folder / DETECTIONS).read_text("utf-8"))
    predictions = to_predictions(entries, dicts, folder / DETECTIONS)
    return write_report(folder, dicts, predictions, images, results, thresholds, metadata)
