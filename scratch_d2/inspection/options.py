"""Options of a prediction run."""

from dataclasses import dataclass

from scratch_d2.inspection.pictures import Pictures
from scratch_d2.inspection.shards import Shard


@dataclass(frozen=True)
class Options:
    """Options of a prediction run.

    Attributes:
        batch_size: images that are read, scored by the gate and written together.
        workers: batches that are inspected at the same time.
        pictures: which overlays and masks are saved.
        resume: keep existing rows and inspect the remaining files.
        overwrite: replace existing results.
        shard: the part of the files to inspect; None inspects all.

    Raises ValueError naming a number below 1.
    """

    batch_size: int = 8
    workers: int = 1
    pictures: Pictures = Pictures()
    resume: bool = False
    overwrite: bool = False
    shard: Shard | None = None

    def __post_init__(self) -> None:
        for name in ("batch_size", "workers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; accepted is 1 or more")


DEFAULT_OPTIONS = Options()
