"""Prediction on a cluster of Ray: workers read and inspect, this process writes the results."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scratch_d2.inspection.crew import Crew
from scratch_d2.inspection.inputs import InputFile
from scratch_d2.inspection.inspector import Inspector
from scratch_d2.inspection.jobs import (
    Deliver,
    ImageJob,
    PredictionPipeline,
    append_rows,
    make_jobs,
)
from scratch_d2.inspection.options import Options
from scratch_d2.inspection.pictures import FOLDERS, write_picture
from scratch_d2.inspection.rows import Row, RowFile
from scratch_d2.inspection.settings import run_settings
from scratch_d2.inspection.stopwatch import Stopwatch
from scratch_d2.utils.device import count_processors

LOCAL = "local"
BATCHES = 4  # of a part: what a worker is given at a time
PATIENCE = 5.0  # seconds to reach a cluster
Load = Callable[[], Inspector]
Result = tuple[list[Row], dict[str, bytes]]


@dataclass(frozen=True)
class Part:
    """Batches that a worker inspects together."""

    batches: list[list[ImageJob]]

    def __str__(self) -> str:
        first, last = self.batches[0][0], self.batches[-1][-1]
        return f"{str(first.input_file.path)!r} to {str(last.input_file.path)!r}"


class Worker:
    """What an actor does: it holds an inspector, and returns rows and pictures of parts."""

    def __init__(self, load: Load, options: Options) -> None:
        self.load, self.options = load, options

    def begin(self) -> dict[str, Any]:
        """Load the models; return the settings of the run."""
        self.inspector = self.load()
        return run_settings(self.inspector, self.options)

    def inspect(self, part: Part) -> Result:
        """Return the rows of a part, and its pictures by their place in the results folder."""
        rows: list[Row] = []
        with TemporaryDirectory() as folder:
            for name in FOLDERS:
                (Path(folder) / name).mkdir()
            pipeline = PredictionPipeline(self.inspector, Path(folder), self.options, Stopwatch())
            for batch in part.batches:
                rows += pipeline.write_outputs(pipeline.inspect(pipeline.read(batch)))
            names = [row[key] for row in rows for key in ("overlay", "mask") if key in row]
            return rows, {name: (Path(folder) / name).read_bytes() for name in names}


@dataclass(frozen=True)
class ClusterPipeline:
    """Runs batches on a crew, and writes rows and pictures in order."""

    crew: Crew
    folder: Path
    stopwatch: Stopwatch

    def run(
        self, batches: Iterable[list[InputFile]], rows: RowFile, next_id: int, take: Deliver
    ) -> None:
        """Run batches, append their rows and have them taken, as `PredictionPipeline.run`."""
        with self.stopwatch("all"):
            self.crew.run(_make_parts(batches, next_id), partial(self._write, rows, take))

    def _write(self, rows: RowFile, take: Deliver, result: Result) -> None:
        batch, pictures = result
        with self.stopwatch("pictures"):
            for name, content in pictures.items():
                write_picture(content, self.folder / name)
        append_rows(batch, rows, take, self.stopwatch)


def _make_parts(batches: Iterable[list[InputFile]], next_id: int) -> Iterator[Part]:
    jobs = make_jobs(batches, next_id)
    while some := list(islice(jobs, BATCHES)):
        yield Part(some)


@contextmanager
def connected(
    address: str, load: Load, options: Options, workers: int | None = None
) -> Iterator[Crew]:
    """Yield a crew on a cluster, or on one that is started on this machine and ends afterwards.

    Args:
        address: "local", "HOST:PORT" or "ray://HOST:PORT".
        load: loads the models in a worker; what it refers to is installed on all machines.
        workers: None is one per GPU of the cluster, or per processor if it has none.

    Raises ImportError naming the package that is missing, ValueError for another address,
    ConnectionError naming a cluster that cannot be reached.
    """
    try:
        import ray
    except ImportError:
        raise ImportError("--ray needs ray: pip install 'scratch_d2[ray]'") from None
    if address != LOCAL:
        check_reachable(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address == LOCAL:
        processors = workers or count_processors()
        ray.init(address=LOCAL, num_cpus=processors, include_dashboard=False, **quiet)
    else:
        try:
            ray.init(address=address, **quiet)
        except Exception as error:
            reason = " ".join(str(error).split())
            raise ConnectionError(
                f"cluster {address!r} cannot be used: {reason}; a cluster with authentication "
                "needs its token in RAY_AUTH_TOKEN"
            ) from None
    try:
        resources = ray.cluster_resources()
        gpus = int(resources.get("GPU", 0))
        count = workers or gpus or int(resources.get("CPU", 1))
        actor = ray.remote(num_cpus=1, num_gpus=min(gpus, 1))(Worker)
        yield Crew(partial(actor.remote, load, options), max(count, 1))
    finally:
        ray.shutdown()


def check_reachable(address: str) -> None:
    """Raise ConnectionError if nothing answers at an address, ValueError for what is none."""
    match = re.fullmatch(r"(?:ray://)?([^/:\s]+):(\d{1,5})", address)
    if match is None:
        raise ValueError(
            f"--ray {address!r} is not accepted; accepted are local, HOST:PORT and ray://HOST:PORT"
        )
    try:
        socket.create_connection((match[1], int(match[2])), PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise ConnectionError(
            f"cluster {address!r} cannot be reached ({error}); start it with `ray start --head`, "
            "or use --ray local"
        ) from None
