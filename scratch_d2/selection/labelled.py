"""The photographs that have a label already: named folders, or what the models were trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scratch_d2.checkpoints.bundle import record_beside
from scratch_d2.data.catalog import find_dataset_dicts
from scratch_d2.data.split import read_splits
from scratch_d2.evaluation.leaks import Images
from scratch_d2.utils.counting import count_of

# So many labelled photographs are embedded at most, evenly drawn.
MOST_EMBEDDED = 2000


@dataclass(frozen=True)
class Labelled:
    """Labelled photographs.

    Attributes:
        images: file, sha256 and phash of each.
        files: those that are compared with the candidates by what they show.
        note: a sentence on where they come from.
    """

    images: Images
    files: list[Path]
    note: str


def find_labelled(datasets: Sequence[str], weights: str | Path) -> Labelled:
    """Find the labelled photographs in datasets, or in the splits.json beside a checkpoint.

    Args:
        datasets: registered names or folders; [] takes the record of training.
        weights: of the gate.

    Raises what `find_dataset_dicts` and `read_splits` raise.
    """
    record = None if datasets else record_beside(weights)
    if datasets:
        dicts = [item for name in datasets for item in find_dataset_dicts(name)]
        images = [
            {"file": str(d["file_name"]), "sha256": d["sha256"], "phash": d["phash"]} for d in dicts
        ]
        where = ", ".join(datasets)
    elif record is not None:
        images = [row for rows in read_splits(record).values() for row in rows]
        where = str(record)
    else:
        return Labelled(
            [], [], "no labelled photographs are known; --labelled names folders of them"
        )
    images = list({image["sha256"]: image for image in images}.values())
    files = [path for image in images if (path := Path(image["file"])).is_file()]
    note = f"{count_of(len(images), 'photograph has', 'photographs have')} a label, by {where}"
    if len(files) < len(images):
        note += f"; {len(images) - len(files):,} of them are not there to compare with"
    if len(files) > MOST_EMBEDDED:
        files = [
            files[i] for i in np.linspace(0, len(files) - 1, MOST_EMBEDDED).round().astype(int)
        ]
        note += f"; {MOST_EMBEDDED:,} are compared"
    return Labelled(images, files, note)
