"""Split the files of a prediction run among runs on several machines, batch by batch."""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from scratch_d2.inspection.inputs import InputFile


@dataclass(frozen=True)
class Shard:
    """One part of a run: every `count`-th batch of its files, beginning with batch `number`.

    Whole batches, because a network gives the same numbers to the last bit only in the same
    batches. So the rows of all shards together are those of one run.

    Attributes:
        number: 1 to `count`.
        count: number of shards.
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Parse a text such as "2/8". Raises ValueError naming another one."""
        match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text, re.ASCII)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise ValueError(
                f"shard {text!r} is not accepted; accepted are NUMBER/COUNT with NUMBER from 1 to "
                "COUNT, such as 1/8"
            )
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def holds(self, image_id: int, batch_size: int) -> bool:
        """Whether the image with this place among all inputs, from 0, is of this shard."""
        return image_id // batch_size % self.count == self.number - 1

    def image_ids(self, total: int, batch_size: int) -> np.ndarray:
        """Return the ids of this shard among `total` inputs, int64 [N], ascending."""
        first = np.arange((self.number - 1) * batch_size, total, self.count * batch_size)
        ids = (first[:, None] + np.arange(batch_size)).ravel()
        return ids[ids < total]


class ShardFiles:
    """The files of a shard, with the image_id that they have in a run over all files.

    Attributes:
        total: number of all inputs that were passed so far.
    """

    def __init__(self, input_files: Iterable[InputFile], shard: Shard, batch_size: int) -> None:
        self.total = 0
        self._input_files, self._shard, self._batch_size = input_files, shard, batch_size
        self._digest = hashlib.sha256()

    def __iter__(self) -> Iterator[InputFile]:
        for image_id, input_file in enumerate(self._input_files):
            self.total += 1
            self._digest.update(os.fsencode(str(input_file.path)) + b"\0")
            if self._shard.holds(image_id, self._batch_size):
                yield input_file._replace(image_id=image_id)

    def describe(self) -> dict[str, Any]:
        """Return what must be equal in all shards: number of all inputs, hash of their names."""
        return {"files": self.total, "sha256": self._digest.hexdigest()}
