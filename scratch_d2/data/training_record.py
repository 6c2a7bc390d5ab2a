"""What a model was trained on, as the splits.json beside its checkpoint says in numbers."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scratch_d2.data.images import ImageError
from scratch_d2.data.split import read_splits_file
from scratch_d2.data.statistics import MEASURES, Statistics, measure_dataset

# So many images are measured, evenly spread over the training data.
MEASURED = 300
STATISTICS = "statistics"


def measure_training_data(dicts: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Measure training data for a record: plain numbers, None for what is not known."""
    if not dicts:
        return {}
    try:
        statistics = measure_dataset(dicts[:: -(-len(dicts) // MEASURED)])
    except (ImageError, OSError):  # training itself names the image
        return {}
    counts = {"photographs": float(len(dicts))}
    return {
        key: None if math.isnan(value) else value for key, value in {**statistics, **counts}.items()
    }


def read_training_statistics(splits_file: Path | None) -> Statistics | None:
    """Return the statistics in a splits.json, by the keys of `MEASURES` that it knows.

    None if there is no such file or it holds none, as those of earlier versions.

    Raises ValueError naming the file if it is damaged.
    """
    if splits_file is None or not splits_file.is_file():
        return None
    try:
        values = read_splits_file(splits_file)[0].get(STATISTICS) or {}
        known = {key: float(values[key]) for key in MEASURES if values.get(key) is not None}
    except (TypeError, AttributeError) as error:
        raise ValueError(f"{splits_file}: not a record of training data ({error})") from None
    return known or None
