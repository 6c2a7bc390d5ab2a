"""Frozen splits: a splits.json beside good/ and bad/ holds a split fast while the folder grows."""

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

Splits = dict[str, list[Record]]


def freeze_splits(
    splits: Mapping[str, Sequence[Record]],
    root: str | Path,
    settings: SplitSettings,
    output: str | Path | None = None,
) -> Path:
    """Write what `draw_splits` has drawn; at root/splits.json, the default, it holds from then on.

    Raises FileExistsError where the file is there already: models were trained by it.
    """
    path = Path(output or Path(root) / SPLITS_FILE)
    if path.exists():
        raise FileExistsError(
            f"{str(path)!r} exists: a split is frozen once, or test images would move into "
            "training; delete it to draw anew, or choose another --output"
        )
    rows = {name: [_to_row(record, Path(root)) for record in splits[name]] for name in splits}
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_splits(rows, path, asdict(settings))


def _to_row(record: Record, root: Path) -> dict[str, str]:
    row = {key: getattr(record, key) for key in ("verdict", "group", "sha256", "phash")}
    return {"file": record.image.relative_to(root).as_posix(), **row}


def read_frozen(path: Path) -> tuple[SplitSettings, dict[str, list[dict[str, str]]]]:
    """Return the settings by which splits were drawn, and their rows.

    Raises ValueError naming the file where it is damaged, or names an image in two splits.
    """
    settings, rows = read_splits_file(path)
    try:
        known = SplitSettings(**settings)
    except (TypeError, ValueError) as error:
        accepted = ", ".join(asdict(SplitSettings()))
        raise ValueError(
            f"{path}: its settings are {settings} ({error}); accepted are {accepted}, as "
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
    return known, rows


def thaw_splits(
    path: Path, rows: Mapping[str, Sequence[Mapping[str, str]]], records: Sequence[Record]
) -> tuple[Splits, list[str]]:
    """Find the images of frozen splits among the records of the folder that `path` lies in.

    Records take the frozen group. A file that was moved or renamed is known by its bytes, stays in
    its split, and has the verdict of its new place.

    Returns the splits, folds completed, and sentences on what has changed in the folder.

    Raises ValueError where the bytes of a file have changed: another photograph under a known
    name may show a label of another split.
    """
    here = {record.image.relative_to(path.parent).as_posix(): record for record in records}
    listed = {row["file"]: row["sha256"] for split in rows.values() for row in split}
    _refuse_changes(path, here, listed)
    free = {here[name].sha256: here[name] for name in here if name not in listed}
    places = {name: here.get(name) or free.pop(sha256, None) for name, sha256 in listed.items()}
    found = {name: record for name, record in places.items() if record}
    splits = {
        split: [
            replace(found[row["file"]], group=row["group"])
            for row in rows[split]
            if row["file"] in found
        ]
        for split in rows
    }
    return add_folds(splits), _remarks(path, here, listed, found)


def _refuse_changes(path: Path, here: Mapping[str, Record], listed: Mapping[str, str]) -> None:
    changed = [name for name in listed if name in here and here[name].sha256 != listed[name]]
    if changed:
        raise ValueError(
            f"{path}: {_count(changed)} changed since the split was frozen, and may show a label "
            "of another split now; restore it, or delete splits.json and run "
            "scratch-d2 split to draw anew"
        )


def _remarks(
    path: Path, here: Mapping[str, Record], listed: Mapping[str, str], found: Mapping[str, Record]
) -> list[str]:
    missing = [name for name in listed if name not in found]
    moved = [name for name in found if name not in here]
    taken = {record.image for record in found.values()}
    added = [name for name, record in here.items() if record.image not in taken]
    remarks = []
    if missing:
        remarks.append(f"{path}: {_count(missing)} cannot be found or read and left its split")
    if moved:
        remarks.append(
            f"{path}: {_count(moved)} moved to {found[moved[0]].image} and stays in its split"
        )
    if added:
        remarks.append(
            f"{path}: {_count(added)} came after the split was frozen and is in no split but "
            '"all"; delete splits.json and run scratch-d2 split to draw anew'
        )
    return remarks


def _count(names: Sequence[str]) -> str:
    more = len(names) - 1
    return names[0] + (f", like {more} more," if more else "")


def describe_splits(splits: Mapping[str, Sequence[Record]]) -> str:
    """Lay out images, verdicts and groups of each split as a table."""
    columns = ("split", "images", "Good", "Bad", "groups", "largest group")
    lines = ["  ".join([f"{columns[0]:<10}", *columns[1:]])]
    for name, records in splits.items():
        bad = sum(record.verdict == BAD for record in records)
        sizes = Counter(record.group for record in records)
        values = (len(records), len(records) - bad, bad, len(sizes), max(sizes.values(), default=0))
        cells = [f"{value:>{len(title)},}" for title, value in zip(columns[1:], values)]
        lines.append("  ".join([f"{name:<10}", *cells]))
    return "\n".join(lines)


def count_joined(records: Sequence[Record], gap: float) -> int:
    """Return how many bursts were joined to others because they hold near-duplicates."""
    bursts = find_bursts((record.image for record in records), gap)
    return len(set(bursts.values())) - len({record.group for record in records})
