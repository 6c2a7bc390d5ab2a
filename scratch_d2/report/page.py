"""Put an evaluation into one page that opens from disk, without a network."""

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from scratch_d2.evaluation.images import ImageTable, families
from scratch_d2.report.links import link_to
from scratch_d2.report.steps import threshold_steps
from scratch_d2.report.thumbnails import make_thumbnails
from scratch_d2.structures.areas import counts, scratch_mask
from scratch_d2.structures.dataset_dict import has_unknown_scratches, mask_of
from scratch_d2.structures.outlines import grid_size, outline
from scratch_d2.structures.prediction import Prediction
from scratch_d2.structures.scaling import scale_area
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.utils.files import write_atomically
from scratch_d2.utils.progress import track

REPORT = "report.html"
BUDGET = 19_000_000  # bytes of the page; more than that is a burden to open and to send
SCRIPTS = (
    *("metrics", "intervals", "wording", "dom", "theme", "charts", "controls", "figures"),
    *("tables", "gallery", "zoom", "dialog", "export", "compare", "report"),
)
# Per image: its width and height, those of the grid of its outlines, the outlines of true and
# detected scratches, how many of these count, whether it is Bad without a mask.
IMAGE_COLUMNS = ("pixels", "grid", "truth", "found", "count", "unmarked")


def write_report(
    folder: str | Path,
    dicts: Sequence[Mapping[str, Any]],
    predictions: Mapping[Any, Prediction],
    images: ImageTable,
    results: Mapping[str, Mapping[str, float]],
    thresholds: Thresholds,
    about: Mapping[str, Any],
) -> Path:
    """Write report.html, and report_files/ beside it if the thumbnails outgrow the page.

    A photograph that cannot be read gets a placeholder that says why.

    Args:
        dicts: dataset dicts, at least those of `images`.
        predictions: by image_id, at least those of `images`.
        images: what the page judges, with areas in the unit of the thresholds.
        results: groups of metrics; a value that is not finite is shown as a dash.
        thresholds: where the page begins, and returns to.
        about: metadata of the evaluation: dataset, data_sha256, weights, gate_weights, and notes,
            sentences to be shown as warnings; each may be missing.

    Raises ValueError if an image has no dataset dict or no prediction.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = {
        "about": {key: value for key, value in about.items() if value not in (None, "", [])},
        "thresholds": asdict(thresholds),
        "results": results,
        "images": _columns(images, dicts, predictions, thresholds, folder),
        "steps": {
            "area": threshold_steps(scale_area(images.area, images.p_bad, thresholds)),
            "gate": None if images.p_bad is None else threshold_steps(images.p_bad, ceiling=1.0),
        },
    }
    room = BUDGET - len(_dump(content)) - len(_fill({"data": ""}))
    content["pictures"] = make_thumbnails(images.file, folder, room)._asdict()
    return write_atomically(_fill({"data": _dump(content)}), folder / REPORT)


def _columns(
    images: ImageTable,
    dicts: Sequence[Mapping[str, Any]],
    predictions: Mapping[Any, Prediction],
    thresholds: Thresholds,
    folder: Path,
) -> dict[str, Any]:
    """Return the images of a page in a folder, column by column."""
    of_id = {item["image_id"]: item for item in dicts}
    for image_id, file in zip(images.image_id, images.file):
        if image_id not in of_id or image_id not in predictions:
            raise ValueError(f"{file}: image_id {image_id!r} has no dataset dict or no prediction")

    def record(image_id: Any) -> tuple:
        return image_record(of_id[image_id], predictions[image_id], thresholds)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        made = pool.map(record, images.image_id)
        records = list(track(made, "outlining", len(images)))
    group_ids: dict[str, int] = {}
    return {
        "image_id": images.image_id,
        "file": ["/".join(Path(file).parts[-2:]) for file in images.file],
        "link": [link_to(file, folder) for file in images.file],
        "family": [
            of_id[image_id].get("kind") or name
            for image_id, name in zip(images.image_id, families(images.file))
        ],
        "group": [group_ids.setdefault(group, len(group_ids)) for group in images.group],
        "bad": images.y_true.astype(int),
        "area": images.area,
        "p_bad": images.p_bad,
        **{name: [r[i] for r in records] for i, name in enumerate(IMAGE_COLUMNS)},
    }


def image_record(item: Mapping[str, Any], prediction: Prediction, thresholds: Thresholds) -> tuple:
    """Return the values of one image for `IMAGE_COLUMNS`."""
    grid = grid_size(item["height"], item["width"])
    return (
        [item["width"], item["height"]],
        grid,
        outline(mask_of(item), grid),
        outline(scratch_mask(prediction, thresholds), grid),
        int(counts(prediction, thresholds).sum()),
        int(has_unknown_scratches(item)),
    )


def _dump(content: Mapping[str, Any]) -> str:
    """Return JSON in ASCII that cannot end the script element around it."""
    text = json.dumps(_plain(content), allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _plain(value: Any) -> Any:
    """Turn a value into what JSON knows; what is no finite number becomes None."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (str, int, bool, type(None))) else str(value)


def _fill(parts: Mapping[str, str]) -> str:
    """Fill the template; what is filled in is not looked at again."""
    here = resources.files(__package__)
    scripts = [here.joinpath(f"{name}.js").read_text("utf-8") for name in SCRIPTS]
    known = {
        "css": here.joinpath("report.css").read_text("utf-8"),
        "script": "\n".join(scripts),
        **parts,
    }
    template = here.joinpath("template.html").read_text("utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: known[match[1]], template)
