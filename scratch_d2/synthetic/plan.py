"""Plan a rendered dataset: which bursts there are, Good or Bad, and the names of their files."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

FIRST_SHOT = datetime(2024, 8, 3, 8, 0, 0)
# Sets of different seeds begin so far apart that no burst of one lies in the other.
APART, SEEDS_APART = timedelta(days=400), 5000
# Shares of bursts of 1, 2, 3 and 4 photographs.
BURST_SIZES = (0.4, 0.3, 0.2, 0.1)


@dataclass(frozen=True)
class Burst:
    """Near-identical photographs of one label.

    Attributes:
        index: place in the plan; with the dataset's seed it decides every pixel.
        bad: whether the label is scratched.
        names: file names in order of time.
        first_bad: how many Bad photographs the plan holds before this burst.
    """

    index: int
    bad: bool
    names: tuple[str, ...]
    first_bad: int

    def files(self) -> list[str]:
        """Return the burst's files relative to the dataset's folder, masks last."""
        images = [f"{'bad' if self.bad else 'good'}/{name}" for name in self.names]
        return images + ([f"masks/{name}" for name in self.names] if self.bad else [])


def _burst_sizes(rng: np.random.Generator, count: int) -> list[int]:
    """Draw sizes of bursts that add up to `count`."""
    sizes = []
    while count > 0:
        sizes.append(min(count, int(rng.choice([1, 2, 3, 4], p=BURST_SIZES))))
        count -= sizes[-1]
    return sizes


def plan_bursts(count: int, seed: int, bad_fraction: float) -> list[Burst]:
    """Plan `count` photographs, the nearest whole number to `count * bad_fraction` of them Bad.

    Shots of one burst are 0.8 to 6 seconds apart, bursts 2 to 20 minutes, so names are unique
    and their times tell which photographs show the same label.
    """
    rng = np.random.default_rng([seed, 0])
    bad_count = round(count * bad_fraction)
    drafts = [(True, size) for size in _burst_sizes(rng, bad_count)]
    drafts += [(False, size) for size in _burst_sizes(rng, count - bad_count)]
    bursts, time, first_bad = [], FIRST_SHOT + APART * (seed % SEEDS_APART), 0
    for index, place in enumerate(rng.permutation(len(drafts))):
        bad, size = drafts[place]
        time += timedelta(minutes=float(rng.uniform(2, 20)))
        names = []
        for _ in range(size):
            time += timedelta(seconds=float(rng.uniform(0.8, 6)))
            names.append(f"{time:%d_%m_%Y_%H_%M_%S.%f}_classifier_input.png")
        bursts.append(Burst(index, bad, tuple(names), first_bad))
        first_bad += size if bad else 0
    return bursts
