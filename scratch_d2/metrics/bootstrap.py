"""95% intervals by a bootstrap over groups of images.

Photographs of one label are not independent, so whole groups are drawn with replacement, not
images: the cluster bootstrap with percentile intervals (Efron and Tibshirani, An Introduction to
the Bootstrap, 1993, chapters 13 and 8).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

REPLICATES = 1000
LEVELS = (2.5, 97.5)
# Replicates computed at a time, so that memory does not grow with their number.
BLOCK = 100
# Metrics that differ only in the order of their sums differ by less than this.
ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Resampling:
    """How often each group is drawn in each replicate.

    Attributes:
        group: [N] int, the group of each image, 0..G-1.
        weights: [B, G] float64, how often a group is drawn; the first row is all ones: the data
            themselves.
    """

    group: np.ndarray
    weights: np.ndarray

    def totals(self, values: np.ndarray) -> np.ndarray:
        """Return [B, K]: sums of [N, K] values over the images that each replicate draws."""
        sums = np.zeros((self.weights.shape[1], values.shape[1]))
        np.add.at(sums, self.group, values)
        return self.weights @ sums

    def blocks(self, image: np.ndarray, column: np.ndarray, count: int) -> Iterator[np.ndarray]:
        """Yield [up to BLOCK, count]: how many of M items fall into each column, per replicate.

        Args:
            image: [M] int, the image of each item.
            column: [M] int in 0..count-1, where it is counted.
        """
        shape = (self.weights.shape[1], count)
        counts = csr_array((np.ones(len(image)), (self.group[image], column)), shape=shape)
        for start in range(0, len(self.weights), BLOCK):
            yield (counts.T @ self.weights[start : start + BLOCK].T).T


def resample(groups: Sequence[object], replicates: int = REPLICATES, seed: int = 0) -> Resampling:
    """Draw as many groups as there are, `replicates` times.

    Args:
        groups: [N], the group of each image.
    """
    names, group = np.unique(np.asarray(groups), return_inverse=True)
    count = len(names)
    if not count:
        return Resampling(group, np.zeros((1 + replicates, 0)))
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), replicates)
    return Resampling(group, np.vstack([np.ones(count), drawn]))


def interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 95% interval of a metric from its values [B]; the first is that of the data.

    Replicates in which the metric is nan are left out. If all others agree, as for a recall of 1,
    the bootstrap says nothing about the spread, and both ends are nan.
    """
    drawn = values[1:][np.isfinite(values[1:])]
    if not len(drawn) or np.ptp(drawn) < ROUNDING:
        return math.nan, math.nan
    low, high = np.percentile(drawn, LEVELS)
    return float(low), float(high)
