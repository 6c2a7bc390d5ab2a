"""The records of a dataset: all of a folder, a saved split, or a drawn split."""

import logging
from dataclasses import asdict, dataclass
from pathlib import Path

from scratch_d2.checkpoints.bundle import SPLITS_FILE
from scratch_d2.data.records import Record, ScanReport, scan_folder
from scratch_d2.data.split import SplitSettings, add_folds, draw_splits
from scratch_d2.data.splits_file import apply_saved_splits, read_saved_splits

ALL = "all"
logger = logging.getLogger(__name__)
_logged: set[str] = set()


@dataclass(frozen=True)
class DatasetSpec:
    """The folder of a registered dataset, its split, and the settings to read it with."""

    root: Path
    split: str
    mask_threshold: int
    settings: SplitSettings


def read_records(spec: DatasetSpec) -> tuple[list[Record], list[Record], list[str]]:
    """Return all records of the folder, those of the dataset, and warnings, one sentence each.

    If there is a subfolder named like the split, the dataset is that subfolder. Otherwise, if there
    is a splits.json, the dataset is the split saved in it. Otherwise the split is drawn.

    Raises FileNotFoundError or ValueError as `scan_folder`, `read_saved_splits` and
    `apply_saved_splits` do, and ValueError if splits.json lacks the split.
    """
    own, saved = spec.root / spec.split, spec.root / SPLITS_FILE
    if spec.split == ALL or own.is_dir():
        records, report = _scan(spec.root if spec.split == ALL else own, spec, spec.settings)
        return records, records, report.lines()
    if not saved.is_file():
        records, report = _scan(spec.root, spec, spec.settings)
        splits = add_folds(draw_splits(records, spec.settings))
        return records, splits[spec.split], report.lines()
    settings, rows = read_saved_splits(saved)
    records, report = _scan(spec.root, spec, settings)
    splits, notes = apply_saved_splits(saved, rows, records)
    if spec.split not in splits:
        raise ValueError(
            f"{saved}: there is no split {spec.split!r} in it, but {', '.join(splits)}; delete it "
            "and run scratch-d2 split, with --folds for folds"
        )
    notes += _differences(saved, spec.settings, settings)
    return records, splits[spec.split], report.lines() + notes


def _scan(
    folder: Path, spec: DatasetSpec, settings: SplitSettings
) -> tuple[list[Record], ScanReport]:
    distance = settings.duplicate_distance
    records, report = scan_folder(folder, spec.mask_threshold, settings.burst_gap, distance)
    # Several splits share one folder, and a log may be set up only after its first scan.
    if report.summary and report.summary not in _logged and logger.isEnabledFor(logging.INFO):
        _logged.add(report.summary)
        logger.info(report.summary)
    return records, report


def _differences(file: Path, asked: SplitSettings, saved: SplitSettings) -> list[str]:
    given, used = asdict(asked), asdict(saved)
    if not asked.folds:
        used["folds"] = 0  # folds that nobody asked for make no difference
    words = [
        f"{key} {used[key]} instead of {given[key]}" for key in used if used[key] != given[key]
    ]
    return [f"{file}: this saved split is used, with {', '.join(words)}"] if words else []
