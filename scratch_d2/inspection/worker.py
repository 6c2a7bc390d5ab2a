"""What a worker of a cluster does: it reads and inspects parts of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, NamedTuple

from scratch_d2.inspection.inputs import InputFile
from scratch_d2.inspection.inspector import Inspector
from scratch_d2.inspection.jobs import ImageJob, PredictionPipeline, make_jobs
from scratch_d2.inspection.options import Options
from scratch_d2.inspection.parts import PartName, PartStore
from scratch_d2.inspection.rows import Row
from scratch_d2.inspection.settings import run_settings
from scratch_d2.inspection.stopwatch import Stopwatch

Load = Callable[[], Inspector]


@dataclass(frozen=True)
class Part:
    """Batches that a worker inspects together.

    Attributes:
        name: of the file that receives the rows, if the worker writes them.
    """

    batches: list[list[ImageJob]]
    name: PartName | None = None

    def __str__(self) -> str:
        first, last = self.batches[0][0], self.batches[-1][-1]
        return f"{str(first.input_file.path)!r} to {str(last.input_file.path)!r}"


class Result(NamedTuple):
    """What a worker returns of a part.

    Attributes:
        images: number of rows.
        rows, pictures: of the part, pictures by their place in the results; empty if the worker has
            written them.
        seconds: of each stage.
        name: of the file that the worker has written.
    """

    images: int
    rows: list[Row]
    pictures: dict[str, bytes]
    seconds: dict[str, float]
    name: PartName | None = None


class Worker:
    """What an actor does: it holds an inspector, and returns rows and pictures of parts.

    With a store it writes them there instead. It inspects one batch at a time, and reads and writes
    others meanwhile.
    """

    def __init__(self, load: Load, options: Options, store: PartStore | None = None) -> None:
        self.load, self.store = load, store
        self.options = replace(options, workers=1)

    def begin(self) -> dict[str, Any]:
        """Load the models; return the settings of the run."""
        self.inspector = self.load()
        return run_settings(self.inspector, self.options)

    def inspect(self, part: Part) -> Result:
        """Inspect a part. Raises OSError if the store cannot be written."""
        rows, pictures, stopwatch = list[Row](), dict[str, bytes](), Stopwatch()
        write = pictures.__setitem__ if self.store is None else self.store.write
        pipeline = PredictionPipeline(self.inspector, write, self.options, stopwatch)
        pipeline.run_jobs(part.batches, rows.extend)
        if self.store is None or part.name is None:
            return Result(len(rows), rows, pictures, dict(stopwatch.seconds))
        with stopwatch("rows"):
            self.store.write_part(part.name, rows)
        return Result(len(rows), [], {}, dict(stopwatch.seconds), part.name)


def make_parts(batches: Iterable[list[InputFile]], next_id: int, count: int) -> Iterator[Part]:
    """Yield parts of `count` batches; the last one may have fewer."""
    jobs = make_jobs(batches, next_id)
    while some := list(islice(jobs, count)):
        yield Part(some)
