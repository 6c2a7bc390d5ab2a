"""Split records into train, val and test, or into folds: seeded, stratified, groups kept whole.

What came into which split is written to a splits.json and read from it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

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
    """What decides which photograph comes into which split.

    Attributes:
        seed: of the draw.
        burst_gap: photographs at most this many seconds apart, by their names, are one group.
        duplicate_distance: so are those whose perceptual hashes differ in at most this many bits;
            -1 compares none.
        folds: number of folds that are drawn besides, 0 for none.

    Raises ValueError naming the key where a value is not accepted.
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

    `add_folds` makes the other sets of the folds from these.
    """
    tests = {f"fold{fold}_test": 1 / settings.folds for fold in range(settings.folds)}
    folds = _deal(records, tests, settings.seed) if tests else {}
    return {**split_records(records, settings.seed), **folds}


def split_records(records: Sequence[Record], seed: int = 0) -> dict[str, list[Record]]:
    """Deal records to the splits of `FRACTIONS`; all images of a group go to one split."""
    return _deal(records, FRACTIONS, seed)


def _deal(
    records: Sequence[Record], shares: Mapping[str, float], seed: int
) -> dict[str, list[Record]]:
    """Deal records to parts by their shares, which add up to 1; groups stay whole.

    Groups come in the order of a hash of seed and group name, so the result is the same on every
    machine. Those that hold Bad images are dealt first and by their number of Bad images, the
    others by their number of images; each goes to the part that lacks most.
    """
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record.group, []).append(record)
    order = sorted(groups, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    bad = {name: sum(r.verdict == BAD for r in groups[name]) for name in order}
    with_bad = {name: bad[name] for name in order if bad[name]}
    only_good = {name: len(groups[name]) for name in order if not bad[name]}

    chosen: dict[str, str] = {}
    for weights in (with_bad, only_good):
        total, dealt = sum(weights.values()), dict.fromkeys(shares, 0)
        for name, weight in weights.items():
            part = max(shares, key=lambda p: shares[p] * total - dealt[p])
            dealt[part] += weight
            chosen[name] = part
    parts: dict[str, list[Record]] = {part: [] for part in shares}
    for record in records:
        parts[chosen[record.group]].append(record)
    return parts


def add_folds(splits: Mapping[str, Sequence[Row]]) -> dict[str, list[Row]]:
    """Complete folds of which the test sets are given.

    Fold k validates on the test set of fold k + 1, the last one on that of fold 0, and trains on
    all others.
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
    """Write the rows of each split, one image a line, with the settings that led to them.

    Args:
        splits: rows by split; of each row the texts of `ROW` are written.
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
            raise ValueError("an image is described by what is no text")
        return dict(content["settings"]), content["splits"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path}: not a file of splits ({error}); expected is JSON with version {VERSION}, "
            f"settings and splits, which list images by {', '.join(ROW)}"
        ) from None


def data_hash(dicts: Iterable[Mapping[str, Any]]) -> str:
    """Identify images and their truth by a SHA-256 in hex, whatever their folder and order.

    Verdicts, the files' bytes and the marked scratches count. A dict without "sha256", as in other
    projects, has its file read.
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
    """Return what JSON takes for the counts of an RLE, bytes, and for arrays of coordinates."""
    return value.decode("ascii") if isinstance(value, bytes) else value.tolist()
