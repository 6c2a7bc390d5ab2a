"""Spread a choice over what the photographs show: k-center greedy on embeddings."""

from collections.abc import Sequence

import numpy as np


def distances_to(embeddings: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return [N] float32, the distance of each embedding to the nearest of the others.

    Args:
        embeddings: [N, C] of length 1.
        others: [M, C] of length 1.

    Distances are in 0..2; all are 2 if there are no others.
    """
    nearest = np.full(len(embeddings), 2.0, np.float32)
    for start in range(0, len(others), 1024):  # a block of N x 1024 distances at a time
        near = _distance(embeddings, others[start : start + 1024]).min(axis=1)
        nearest = np.minimum(nearest, near)
    return nearest


def spread(
    embeddings: np.ndarray,
    weights: np.ndarray,
    distance: np.ndarray,
    groups: Sequence[str],
    count: int,
) -> list[tuple[int, float]]:
    """Choose photographs one after the other: each time the largest weight x distance.

    The distance is that to the nearest photograph that is labelled or chosen. With equal weights
    this is the k-center greedy of Sener and Savarese (2018, arXiv:1708.00489). Of equal ones the
    first is chosen.

    Args:
        embeddings: [N, C] of length 1.
        weights: [N], 0 or more.
        distance: [N], to the nearest labelled photograph, as `distances_to` gives it.
        groups: [N]; at most one photograph of a group is chosen.
        count: how many to choose.

    Returns index and weight x distance of each in the order of choice; fewer than `count` if there
    are fewer groups.
    """
    names = np.asarray(groups)
    distance = np.array(distance, np.float64)
    open_ = np.ones(len(names), bool)
    chosen: list[tuple[int, float]] = []
    while len(chosen) < count and open_.any():
        gains = np.where(open_, weights * distance, -1.0)
        index = int(gains.argmax())
        chosen.append((index, float(gains[index])))
        open_ &= names != names[index]
        distance = np.minimum(distance, _distance(embeddings, embeddings[[index]])[:, 0])
    return chosen


def _distance(embeddings: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(2 - 2 * embeddings @ others.T, 0))
