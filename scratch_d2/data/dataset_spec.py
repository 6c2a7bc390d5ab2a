"""Which records of a folder a dataset consists of: all of them, a frozen split, or a drawn one."""

import logging
from dataclasses import asdict, dataclass
from pathlib import Path

from scratch_d2.checkpoints.bundle import SPLITS_FILE
from scratch_d2.data.records import Record, ScanReport, scan_folder
from scratch_d2.data.split import SplitSettings, add_folds, draw_splits
from scratch_d2.data.splits_file import read_frozen, thaw_splits

ALL = "all"
logger = logging.getLogger(__name__)
_logged: set[str] = set()


@dataclass(frozen=True)
class DatasetSpec:
    """Where a registered dataset lies and which part of it is meant."""

    root: Path
    split: str
    mask_threshold: int
    settings: SplitSettings


def read_records(spec: DatasetSpec) -> tuple[list[Record], list[Record], list[str]]:
    """Return the records of a whole folder, those of the dataset, and sentences on what is odd.

    A subfolder named like the split is used as it is and is the whole folder then; otherwise
    splits.json decides, where there is one.

    Raises FileNotFoundError or ValueError as `scan_folder`, `read_frozen` and `thaw_splits` do,
    and ValueError where splits.json lacks the split.
    """
    own, frozen = spec.root / spec.split, spec.root / SPLITS_FILE
    if spec.split == ALL or own.is_dir():
        records, report = _scan(spec.root if spec.split == ALL else own, spec, spec.settings)
        return records, records, report.lines()
    if not frozen.is_file():
        records, report = _scan(spec.root, spec, spec.settings)
        splits = add_folds(draw_splits(records, spec.settings))
        return records, splits[spec.split], report.lines()
    settings, rows = read_frozen(frozen)
    records, report = _scan(spec.root, spec, settings)
    splits, remarks = thaw_splits(frozen, rows, records)
    if spec.split not in splits:
        raise ValueError(
            f"{frozen}: there is no split {spec.split!r} in it, but {', '.join(splits)}; delete it "
            "and run scratch-d2 split, with --folds for folds"
        )
    remarks += _overruled(frozen, spec.settings, settings)
    return records, splits[spec.split], report.lines() + remarks


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


def _overruled(frozen: Path, asked: SplitSettings, used: SplitSettings) -> list[str]:
    wanted, real = asdict(asked), asdict(used)
    if not asked.folds:
        real["folds"] = 0  # who asks for no folds misses none
    words = [
        f"{key} {real[key]} instead of {wanted[key]}" for key in real if real[key] != wanted[key]
    ]
    return [f"{frozen}: this frozen split is used, with {', '.join(words)}"] if words else []
