"""Saved splits: a splits.json beside good/ and bad/ keeps a split while the folder grows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from scratch_d2.checkpoints.bundle import SPLITS_FILE
from scratch_d2.data.groups import find_bursts
from scratch_d2.data.records import Record
from scratch_d2.data.split import (
    SplitSettings,
    add_folds,
    read_splits_file,
    write_splits,
)
from scratch_d2.structures.labels import BAD
from scratch_d2.utils.tables import format_table

Splits = dict[str, list[Record]]


def save_splits(
    splits: Mapping[str, Sequence[Record]],
    root: str | Path,
    settings: SplitSettings,
    output: str | Path | None = None,
) -> Path:
    """Save the result of `draw_splits`; at root/splits.json, the default, datasets use it.

    Raises FileExistsError if the file exists: models may have been trained with it.
    """
    path = Path(output or Path(root) / SPLITS_FILE)
    if path.exists():
        raise FileExistsError(
            f"{str(path)!r} exists: a split is saved once, or test images would move into "
            "training; delete it to draw anew, or choose another --output"
        )
    rows = {name: [_to_row(record, Path(root)) for record in splits[name]] for name in splits}
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_splits(rows, path, asdict(settings))


def _to_row(record: Record, root: Path) -> dict[str, str]:
    row = {key: getattr(record, key) for key in ("verdict", "group", "sha256", "phash")}
    return {"file": record.image.relative_to(root).as_posix(), **row}


def read_saved_splits(path: Path) -> tuple[SplitSettings, dict[str, list[dict[str, str]]]]:
    """Return the settings that splits were drawn with, and their rows.

    Raises ValueError naming the file if it is damaged or lists an image in two splits.
    """
    values, rows = read_splits_file(path)
    try:
        settings = SplitSettings(**values)
    except (TypeError, ValueError) as error:
        accepted = ", ".join(asdict(SplitSettings()))
        raise ValueError(
            f"{path}: its settings are {values} ({error}); accepted are {accepted}, as "
            "scratch-d2 split writes them"
        ) from None
    homes: dict[tuple[bool, str], str] = {}
    for split in rows:
        for row in rows[split]:
            home = homes.setdefault((split.startswith("fold"), row["file"]), split)
            if home != split:
                raise ValueError(
                    f"{path}: {row['file']} is in {home} and in {split}; one split per image is "
                    "accepted"
                )
    return settings, rows


def apply_saved_splits(
    path: Path, rows: Mapping[str, Sequence[Mapping[str, str]]], records: Sequence[Record]
) -> tuple[Splits, list[str]]:
    """Assign the records of a folder to its saved splits.

    Records take the saved group. A file that was moved or renamed is recognised by its bytes; it
    stays in its split and has the verdict of its new folder.

    Args:
        path: of the splits.json in the folder.
        rows: what it holds.
        records: all images that are in the folder now.

    Returns the splits with all sets of the folds, and notes on changes in the folder, one sentence
    each. Raises ValueError if the bytes of a file have changed, because another photograph under a
    known name may show a label of another split.
    """
    here = {record.image.relative_to(path.parent).as_posix(): record for record in records}
    listed = {row["file"]: row["sha256"] for split in rows.values() for row in split}
    _refuse_changes(path, here, listed)
    free = {here[name].sha256: here[name] for name in here if name not in listed}
    by_name = {name: here.get(name) or free.pop(sha256, None) for name, sha256 in listed.items()}
    present = {name: record for name, record in by_name.items() if record}
    splits = {
        split: [
            replace(present[row["file"]], group=row["group"])
            for row in rows[split]
            if row["file"] in present
        ]
        for split in rows
    }
    return add_folds(splits), _notes(path, here, listed, present)


def _refuse_changes(path: Path, here: Mapping[str, Record], listed: Mapping[str, str]) -> None:
    changed = [name for name in listed if name in here and here[name].sha256 != listed[name]]
    if changed:
        raise ValueError(
            f"{path}: {_count(changed)} changed since the split was saved, and may show a label "
            "of another split now; restore it, or delete splits.json and run "
            "scratch-d2 split to draw anew"
        )


def _notes(
    path: Path,
    here: Mapping[str, Record],
    listed: Mapping[str, str],
    present: Mapping[str, Record],
) -> list[str]:
    missing = [name for name in listed if name not in present]
    moved = [name for name in present if name not in here]
    assigned = {record.image for record in present.values()}
    added = [name for name, record in here.items() if record.image not in assigned]
    notes = []
    if missing:
        notes.append(f"{path}: {_count(missing)} cannot be found or read and left its split")
    if moved:
        notes.append(
            f"{path}: {_count(moved)} moved to {present[moved[0]].image} and stays in its split"
        )
    if added:
        notes.append(
            f"{path}: {_count(added)} came after the split was saved and is in no split but "
            '"all"; delete splits.json and run scratch-d2 split to draw anew'
        )
    return notes


def _count(names: Sequence[str]) -> str:
    more = len(names) - 1
    return names[0] + (f", like {more} more," if more else "")


def format_splits(splits: Mapping[str, Sequence[Record]]) -> str:
    """Format the images, verdicts and groups of each split as a table."""
    rows = []
    for name, records in splits.items():
        bad = sum(record.verdict == BAD for record in records)
        sizes = Counter(record.group for record in records)
        counts = (len(records), len(records) - bad, bad, len(sizes), max(sizes.values(), default=0))
        rows.append([name, *(f"{count:,}" for count in counts)])
    return format_table(rows, ["split", "images", "Good", "Bad", "groups", "largest group"])


def count_joined(records: Sequence[Record], gap: float) -> int:
    """Return the number of bursts that near-duplicates join to another burst."""
    bursts = find_bursts((record.image for record in records), gap)
    return len(set(bursts.values())) - len({record.group for record in records})
