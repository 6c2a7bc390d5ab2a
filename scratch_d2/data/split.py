"""Split records into train, val and test: seeded, stratified, groups kept whole."""

import hashlib
from collections.abc import Sequence

from scratch_d2.data.records import BAD, Record

FRACTIONS = {"train": 0.70, "val": 0.15, "test": 0.15}


def split_records(records: Sequence[Record], seed: int = 0) -> dict[str, list[Record]]:
    """Deal records to the splits of `FRACTIONS`; all images of a group go to one split.

    Groups come in the order of a hash of seed and group name, so the result is the same on every
    machine. Those that hold Bad images are dealt first and by their number of Bad images, the
    others by their number of images; each goes to the split that lacks most.
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
        total, dealt = sum(weights.values()), dict.fromkeys(FRACTIONS, 0)
        for name, weight in weights.items():
            split = max(FRACTIONS, key=lambda s: FRACTIONS[s] * total - dealt[s])
            dealt[split] += weight
            chosen[name] = split
    splits: dict[str, list[Record]] = {split: [] for split in FRACTIONS}
    for record in records:
        splits[chosen[record.group]].append(record)
    return splits
