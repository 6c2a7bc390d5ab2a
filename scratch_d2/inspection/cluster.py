"""Prediction on a cluster of Ray: workers read and inspect, this process writes the results."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from scratch_d2.inspection.crew import Crew
from scratch_d2.inspection.inputs import InputFile
from scratch_d2.inspection.jobs import Deliver, append_rows
from scratch_d2.inspection.options import Options
from scratch_d2.inspection.parts import PartStore
from scratch_d2.inspection.pictures import write_picture
from scratch_d2.inspection.rows import RowFile
from scratch_d2.inspection.stopwatch import Stopwatch
from scratch_d2.inspection.worker import Load, Result, Worker, make_parts
from scratch_d2.utils.device import count_processors

LOCAL = "local"
BATCHES = 4  # of a part: what a worker is given at a time
STARTS = 3
PATIENCE = 5.0  # seconds to reach a cluster


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
            self.crew.run(make_parts(batches, next_id, BATCHES), partial(self._write, rows, take))

    def _write(self, rows: RowFile, take: Deliver, result: Result) -> None:
        self.stopwatch.add(result.seconds)
        with self.stopwatch("pictures"):
            for name, content in result.pictures.items():
                write_picture(content, self.folder / name)
        append_rows(result.rows, rows, take, self.stopwatch)


@contextmanager
def connected(
    address: str,
    load: Load,
    options: Options,
    workers: int | None = None,
    store: PartStore | None = None,
) -> Iterator[Crew]:
    """Yield a crew on a cluster, or on one that is started on this machine and ends afterwards.

    Args:
        address: "local", "HOST:PORT" or "ray://HOST:PORT".
        load: loads the models in a worker; what it refers to is installed on all machines.
        workers: None is one per GPU of the cluster, or per processor if it has none.
        store: where the workers write their results; None has them returned.

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
        _start_here(workers or count_processors(), quiet)
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
        yield Crew(partial(actor.remote, load, options, store), max(count, 1))
    finally:
        ray.shutdown()


def _start_here(processors: int, options: dict[str, Any]) -> None:
    """Start Ray on this machine; on a busy one, its half minute may be too short at first."""
    import ray

    # Ray runs workers at niceness 15, and other programs of this machine would starve them.
    os.environ.setdefault("RAY_worker_niceness", "0")
    reason = ""
    for _ in range(STARTS):
        try:
            ray.init(address=LOCAL, num_cpus=processors, include_dashboard=False, **options)
            return
        except Exception as error:
            reason = " ".join(str(error).split())
            ray.shutdown()
    raise ConnectionError(
        f"Ray cannot be started on this machine: {reason}; try again, or inspect without --ray"
    )


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
