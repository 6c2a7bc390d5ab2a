"""Groups of photographs of one label, which a split must keep together."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from scratch_d2.data.duplicates import DISTANCE, cluster_duplicates

# Seconds; photographs of one label follow each other within this time.
BURST_GAP = 30.0
_TIMESTAMP = re.compile(r"^\d{2}_\d{2}_\d{4}_\d{2}_\d{2}_\d{2}\.\d{1,6}")
# `scratch-d2 render --from-good` names scratched copies so.
_SCRATCHED_COPY = re.compile(r"\.scratch\d+$")


def find_groups(
    paths: Sequence[Path],
    hashes: Sequence[str],
    gap: float = BURST_GAP,
    distance: int = DISTANCE,
    named: Mapping[Path, str] | None = None,
) -> dict[Path, str]:
    """Group images by the time in their names and by their perceptual hashes.

    Bursts that contain near-duplicates of each other become one group with the name of the first
    burst.

    Args:
        hashes: perceptual hash of each image.
        gap: seconds, see `find_bursts`.
        distance: near-duplicates differ in at most this many bits; -1 compares none.
        named: groups that the user has named; they replace the times in the names.
    """
    # Here, because prediction needs no scipy, and an installation for it alone has none.
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    bursts = find_bursts(paths, gap) | dict(named or {})
    names, burst = np.unique([bursts[path] for path in paths], return_inverse=True)
    cluster = cluster_duplicates(hashes, distance) + len(names)
    edges = (np.ones(len(paths), bool), (burst, cluster))
    nodes = int(max(cluster, default=0)) + 1
    _, number = connected_components(coo_matrix(edges, shape=(nodes, nodes)), directed=False)
    _, first = np.unique(number[: len(names)], return_index=True)
    home = dict(zip(number[first], names[first]))
    return {path: str(home[number[index]]) for path, index in zip(paths, burst)}


def find_bursts(paths: Iterable[Path], gap: float = BURST_GAP) -> dict[Path, str]:
    """Group images whose names begin with times at most `gap` seconds after one another.

    Times are written DD_MM_YYYY_HH_MM_SS.ffffff. A group has the name of its first image. Images
    without a time are one group if they have the same stem. A scratched copy,
    `<stem>.scratch<number>`, belongs to the group of its original.
    """
    groups, timed = {}, []
    for path in sorted(paths):
        time = time_of(path)
        if time is None:
            groups[path] = _SCRATCHED_COPY.sub("", path.stem)
        else:
            timed.append((time, path))
    previous, name = None, ""
    for time, path in sorted(timed):
        if previous is None or (time - previous).total_seconds() > gap:
            name = _SCRATCHED_COPY.sub("", path.stem)
        groups[path], previous = name, time
    return groups


def time_of(path: Path) -> datetime | None:
    """Return the time that the name of a file begins with, or None."""
    match = _TIMESTAMP.match(path.name)
    try:
        return datetime.strptime(match[0], "%d_%m_%Y_%H_%M_%S.%f") if match else None
    except ValueError:
        return None
