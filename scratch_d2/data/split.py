"""Split records into train, val and test, or into folds: seeded, stratified, by whole groups.

A splits.json records which image is in which split.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from scratch_d2.data.duplicates import DISTANCE
from scratch_d2.data.groups import BURST_GAP
from scratch_d2.data.records import Record
from scratch_d2.structures.labels import BAD
from scratch_d2.utils.files import write_atomically

VERSION = 1
ROW = ("file", "verdict", "group", "sha256", "phash")

FRACTIONS = {"train": 0.70, "val": 0.15, "test": 0.15}
FEWEST_FOLDS = 3
Row = TypeVar("Row")


@dataclass(frozen=True)
class SplitSettings:
    """The settings that determine the splits of a folder.

    Attributes:
        seed: of the draw.
        burst_gap: photographs at most this many seconds apart, by their names, are one group.
        duplicate_distance: photographs whose perceptual hashes differ in at most this many bits are
            one group; -1 compares none.
        folds: number of folds that are drawn as well, 0 for none.

    Raises ValueError naming the key if a value is not accepted.
    """

    seed: int = 0
    burst_gap: float = BURST_GAP
    duplicate_distance: int = DISTANCE
    folds: int = 0

    def __post_init__(self) -> None:
        accepted = {
            "burst_gap": (self.burst_gap >= 0, "0 or more seconds"),
            "duplicate_distance": (self.duplicate_distance >= -1, "-1 or more bits"),
            "folds": (
                self.folds == 0 or self.folds >= FEWEST_FOLDS,
                f"0, or {FEWEST_FOLDS} and more: one part is for testing, one for validation, the "
                "others are for training",
            ),
        }
        for key, (ok, words) in accepted.items():
            if not ok:
                raise ValueError(f"{key} is {getattr(self, key)}; accepted is {words}")


def split_names(folds: int = 0) -> tuple[str, ...]:
    """Return train, val, test and, with folds, fold0_train, fold0_val, fold0_test, fold1_ ..."""
    of_folds = (f"fold{fold}_{split}" for fold in range(folds) for split in FRACTIONS)
    return (*FRACTIONS, *of_folds)


def draw_splits(records: Sequence[Record], settings: SplitSettings) -> dict[str, list[Record]]:
    """Draw train, val and test and, with folds, the test set of each: fold0_test, fold1_test ...

    `add_folds` adds the train and val sets of the folds.
    """
    tests = {f"fold{fold}_test": 1 / settings.folds for fold in range(settings.folds)}
    folds = _split(records, tests, settings.seed) if tests else {}
    return {**split_records(records, settings.seed), **folds}


def split_records(records: Sequence[Record], seed: int = 0) -> dict[str, list[Record]]:
    """Deal records to the splits of `FRACTIONS`; all images of a group go to one split."""
    return _split(records, FRACTIONS, seed)


def _split(
    records: Sequence[Record], shares: Mapping[str, float], seed: int
) -> dict[str, list[Record]]:
    groups, is_bad = [r.group for r in records], [r.verdict == BAD for r in records]
    parts: dict[str, list[Record]] = {name: [] for name in shares}
    names = list(shares)
    for record, part in zip(records, deal_groups(groups, is_bad, list(shares.values()), seed)):
        parts[names[part]].append(record)
    return parts


def deal_groups(
    groups: Sequence[str],
    is_bad: Sequence[bool] | np.ndarray,
    shares: Sequence[float],
    seed: int = 0,
) -> np.ndarray:
    """Deal N images to parts by their shares, which add up to 1; groups stay whole.

    Groups are dealt in the order of a hash of seed and group name, so the result is the same on
    every machine and with every release of NumPy. Groups with Bad images are dealt first and
    balanced by their number of Bad images, the others by their number of images. Each group goes
    to the part that is furthest below its share.

    scikit-learn's StratifiedGroupKFold cannot deal by unequal shares, and needs at least as many
    images of each class as there are parts.

    Args:
        groups: [N], the group of each image.
        is_bad: [N], whether it is Bad.

    Returns [N] int, the part of each image.
    """
    order = sorted(set(groups), key=lambda n: hashlib.sha256(f"{seed}/{n}".encode()).digest())
    images, bad = Counter(groups), Counter(g for g, b in zip(groups, is_bad) if b)
    with_bad = {name: bad[name] for name in order if bad[name]}
    only_good = {name: images[name] for name in order if not bad[name]}
    part_of: dict[str, int] = {}
    for sizes in (with_bad, only_good):
        total, dealt = sum(sizes.values()), [0] * len(shares)
        for name, size in sizes.items():
            missing = [share * total - count for share, count in zip(shares, dealt)]
            part_of[name] = missing.index(max(missing))
            dealt[part_of[name]] += size
    return np.array([part_of[name] for name in groups], int)


def add_folds(splits: Mapping[str, Sequence[Row]]) -> dict[str, list[Row]]:
    """Add the train and val sets of folds to their test sets.

    The val set of fold k is the test set of fold k + 1, that of the last fold is the test set of
    fold 0. The train set is all the rest.
    """
    complete = {name: list(rows) for name, rows in splits.items()}
    tests = [splits[f"fold{k}_test"] for k in range(len(splits)) if f"fold{k}_test" in splits]
    for fold in range(len(tests)):
        validation = (fold + 1) % len(tests)
        training = [part for k, part in enumerate(tests) if k not in (fold, validation)]
        complete[f"fold{fold}_val"] = list(tests[validation])
        complete[f"fold{fold}_train"] = [row for part in training for row in part]
    return complete


def write_splits(
    splits: Mapping[str, Iterable[Mapping[str, Any]]], path: str | Path, settings: Mapping[str, Any]
) -> Path:
    """Write the rows of each split, one image per line, with the settings they were drawn with.

    Args:
        splits: rows by split; the keys of `ROW` are written.
    """
    blocks = []
    for name, rows in splits.items():
        lines = ",\n".join(json.dumps({key: row[key] for key in ROW}) for row in rows)
        blocks.append(f"{json.dumps(name)}: [\n{lines}\n]")
    head = f'{{"version": {VERSION},\n"settings": {json.dumps(dict(settings))},\n"splits": {{\n'
    return write_atomically(head + ",\n".join(blocks) + "\n}}\n", path)


def read_splits(path: str | Path) -> dict[str, list[dict[str, str]]]:
    """Return the rows of each split of a splits.json, as `write_splits` takes them.

    Raises FileNotFoundError or ValueError, both naming the file.
    """
    return read_splits_file(path)[1]


def read_splits_file(
    path: str | Path,
) -> tuple[dict[str, Any], dict[str, list[dict[str, str]]]]:
    """Return settings and splits of a splits.json; raises as `read_splits` does."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"{str(path)!r}: no such file; scratch-d2 split and trainings write it"
        )
    try:
        content = json.loads(path.read_text("utf-8"))
        if content["version"] != VERSION:
            raise ValueError(f"its version is {content['version']!r}")
        rows = [row for split in content["splits"].values() for row in split]
        if not all(isinstance(row[key], str) for row in rows for key in ROW):
            raise ValueError("a value of an image is not a text")
        return dict(content["settings"]), content["splits"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path}: not a file of splits ({error}); expected is JSON with version {VERSION}, "
            f"settings and splits, which list images by {', '.join(ROW)}"
        ) from None


def data_hash(dicts: Iterable[Mapping[str, Any]]) -> str:
    """Return a SHA-256 in hex of images and their labels, independent of their folder and order.

    It covers verdicts, the bytes of the files and the marked scratches. The file is read if a dict
    has no "sha256", as in other projects.
    """
    lines = sorted(
        f"{item.get('verdict', '')} {_content_hash(item)} {_scratches_hash(item)}\n"
        for item in dicts
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _content_hash(item: Mapping[str, Any]) -> str:
    known = item.get("sha256")
    return known or hashlib.sha256(Path(item["file_name"]).read_bytes()).hexdigest()


def _scratches_hash(item: Mapping[str, Any]) -> str:
    scratches = sorted(
        json.dumps([a.get("iscrowd", 0), a["segmentation"]], default=_plain, sort_keys=True)
        for a in item.get("annotations", [])
    )
    return hashlib.sha256("".join(scratches).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Turn the counts of an RLE, bytes, and arrays of coordinates into JSON values."""
    return value.decode("ascii") if isinstance(value, bytes) else value.tolist()
