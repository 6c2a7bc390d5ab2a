#!/usr/bin/env python3
"""Measure Ray on this machine against the plain pipeline, on the same labels by turns.

    python benchmarks/cluster.py --images 240 --rounds 3

The reference models inspect rendered labels, 20% of them Bad, and write all results: in this
process with one batch and with two batches at a time, on Ray with one and two workers, and on Ray
with two workers that write Parquet parts. Starting Ray and loading the models is not counted.

Every contender inspects the labels once before it is measured, because the first image of each size
takes longer. Processor time is that of all processes of a run. It tells the contenders apart where
other programs share the machine, and the clock does not. It is split into what inspects, the driver
(this process) and Ray's own processes. These take their time by the second and not by the
image, so on a busy machine they take more for each image. Then follow the seconds of each stage.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch

from scratch_d2 import Inspector
from scratch_d2.cli.common import run
from scratch_d2.inspection.cluster import connected
from scratch_d2.inspection.inputs import find_files, in_batches
from scratch_d2.inspection.jobs import PredictionPipeline, make_jobs
from scratch_d2.inspection.options import Options
from scratch_d2.inspection.parts import PartName, PartStore
from scratch_d2.inspection.pictures import write_picture
from scratch_d2.inspection.predict import predict_files, predict_on_cluster
from scratch_d2.inspection.predict_parts import predict_in_parts
from scratch_d2.inspection.rows import RowFile
from scratch_d2.inspection.stopwatch import Stopwatch
from scratch_d2.inspection.table import ResultsTable
from scratch_d2.synthetic.dataset import write_dataset
from scratch_d2.utils.tables import format_table

TICKS = os.sysconf("SC_CLK_TCK")
STAGES = ("read", "gate", "detector", "pictures", "rows")
PART = 32  # images of a Parquet part, so that the workers end together


class Run(NamedTuple):
    """What one run took, for each image: seconds by the clock, of processors, and of stages."""

    clock: float
    inspecting: float
    driver: float
    ray: float
    stages: Mapping[str, float]

    @property
    def processors(self) -> float:
        """All of them together."""
        return self.inspecting + self.driver + self.ray


class Meter:
    """Takes the time of a run, from when it begins to inspect."""

    def __init__(self) -> None:
        self.clock, self.used = 0.0, Counter[str]()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        begun, before = time.perf_counter(), processor_seconds()
        yield
        self.clock = time.perf_counter() - begun
        self.used = processor_seconds()
        self.used.subtract(before)

    def of(self, stopwatch: Stopwatch) -> Run:
        """Return what an image took."""
        images = stopwatch.images
        stages = {stage: stopwatch.seconds[stage] / images for stage in STAGES}
        used = (self.used[what] / images for what in ("inspecting", "driver", "ray"))
        return Run(self.clock / images, *used, stages)


def processor_seconds() -> Counter[str]:
    """Return the processor time of this process and of all that it has started, by what they do."""
    parents, seconds, what = {}, {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        number = int(folder.name)
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        parents[number], seconds[number] = int(fields[1]), sum(map(int, fields[11:13])) / TICKS
        what[number] = "inspecting" if command.startswith(b"ray::") else "ray"
    what[os.getpid()] = "driver"
    ours, more = {os.getpid()}, True
    while more:
        found = {child for child, parent in parents.items() if parent in ours} - ours
        ours, more = ours | found, bool(found)
    used = Counter[str]()
    for number in ours:
        used[what[number]] += seconds[number]
    return used


def plainly(inspector: Inspector, folder: Path, output: Path, workers: int) -> Run:
    meter = Meter()
    for options in (Options(workers=workers), Options(workers=workers, overwrite=True)):
        files = find_files([str(folder)], log=False)
        with meter():
            stopwatch = predict_files(inspector, files, output, options)[1]
    # Here one process inspects and writes.
    return meter.of(stopwatch)._replace(
        inspecting=meter.used["driver"] / stopwatch.images, driver=0
    )


def on_ray(folder: Path, output: Path, workers: int, in_parts: bool = False) -> Run:
    meter = Meter()
    store = PartStore(str(output)) if in_parts else None
    load = partial(Inspector.from_pretrained, threads=1)
    with connected("local", load, Options(), workers, store) as crew:
        wait_for_all(crew)
        for options in (Options(), Options(overwrite=True)):
            files = find_files([str(folder)], log=False)
            with meter():
                if store is not None:
                    stopwatch = predict_in_parts(crew, files, store, options, PART)[1]
                else:
                    stopwatch = predict_on_cluster(crew, files, output, options)[1]
    return meter.of(stopwatch)


def wait_for_all(crew: Any) -> None:
    """Wait until all workers have loaded their models."""
    crew.begin()
    while crew._starting:
        crew._wait()


def measure(folder: Path, rounds: int) -> dict[str, list[Run]]:
    torch.set_num_threads(2)
    inspector = Inspector.from_pretrained(threads=1)
    contenders: dict[str, Callable[[Path], Run]] = {
        "plain, 2 at a time": lambda output: plainly(inspector, folder, output, 2),
        "plain, 1 at a time": lambda output: plainly(inspector, folder, output, 1),
        "Ray, 1 worker": lambda output: on_ray(folder, output, 1),
        "Ray, 2 workers": lambda output: on_ray(folder, output, 2),
        "Ray, 2 workers, Parquet": lambda output: on_ray(folder, output, 2, in_parts=True),
    }
    runs: dict[str, list[Run]] = defaultdict(list)
    for number in range(rounds):
        order = list(contenders) if number % 2 == 0 else list(contenders)[::-1]
        for name in order:
            with tempfile.TemporaryDirectory() as output:
                runs[name].append(contenders[name](Path(output) / "results"))
                print(f"round {number + 1}: {name}: {1 / runs[name][-1].clock:.1f}/s", flush=True)
    return {name: runs[name] for name in contenders}


class ProcessorStopwatch(Stopwatch):
    """Takes the processor time of this process instead of the clock's."""

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        begin = time.process_time()
        try:
            yield
        finally:
            self.seconds[stage] += time.process_time() - begin


def service_times(folder: Path, output: Path) -> dict[str, float]:
    """Return ms of processor time for each image and stage, one after the other, after a first run.

    "rows" is what a worker takes for Parquet parts, "driver" what a driver takes for results.jsonl.
    """
    inspector, store = Inspector.from_pretrained(threads=1), PartStore(str(output / "parts"))
    store.prepare()
    files = list(find_files([str(folder)], log=False))
    for _ in range(2):
        stopwatch, rows, pictures = ProcessorStopwatch(), [], {}
        pipeline = PredictionPipeline(inspector, pictures.__setitem__, Options(), stopwatch)
        for batch in make_jobs(in_batches(files, 8), 0):
            rows += pipeline.write_outputs(pipeline.inspect(pipeline.read(batch)))
        with stopwatch("rows"):
            store.write_part(PartName.of(0, files), rows)
        with stopwatch("driver"):
            for name, content in pictures.items():
                write_picture(content, store_path(output, name))
            RowFile(output / "results.jsonl").append(rows)
            ResultsTable(output / "results.csv").rewrite(rows)
    return {stage: 1000 * value / len(files) for stage, value in stopwatch.seconds.items()}


def store_path(output: Path, name: str) -> Path:
    """Return where a picture goes, and make its folder."""
    path = output / name
    path.parent.mkdir(exist_ok=True)
    return path


def print_service(times: Mapping[str, float]) -> None:
    rows = [[stage, f"{value:.2f}"] for stage, value in times.items()]
    print(format_table(rows, ["stage", "processor time, ms"], markdown=True), end="\n\n")


def middle(runs: list[Run], what: str) -> float:
    return statistics.median(getattr(run, what) for run in runs)


def print_rates(runs: dict[str, list[Run]]) -> None:
    first = next(iter(runs.values()))
    rows = []
    for name, some in runs.items():
        clock, used = middle(some, "clock"), middle(some, "processors")
        best = min(run.clock for run in some)
        rows.append(
            [
                name,
                f"{1 / clock:.1f}",
                f"{middle(first, 'clock') / clock:.2f}",
                f"{min(run.clock for run in first) / best:.2f}",
                f"{1000 * used:.1f}",
                f"{middle(first, 'processors') / used:.2f}",
                *(f"{1000 * middle(some, what):.1f}" for what in ("inspecting", "driver", "ray")),
            ]
        )
    headers = ["", "images/s", "ratio", "ratio of the best", "processor time, ms", "ratio"]
    print(format_table(rows, [*headers, "inspecting", "driver", "Ray"], markdown=True), end="\n\n")


def print_stages(runs: dict[str, list[Run]]) -> None:
    rows = []
    for name, some in runs.items():
        medians = (statistics.median(run.stages[stage] for run in some) for stage in STAGES)
        rows.append([name, *(f"{1000 * median:.2f}" for median in medians)])
    print(format_table(rows, ["ms per image", *STAGES], markdown=True), end="\n\n")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=240, help="rendered labels (240)")
    parser.add_argument("--rounds", type=int, default=3, help="of all contenders (3)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_dataset(Path(folder) / "labels", args.images, seed=77, progress=False)
        times = service_times(Path(folder) / "labels", Path(folder))
        runs = measure(Path(folder) / "labels", args.rounds)
    print()
    print_service(times)
    print_rates(runs)
    print_stages(runs)
    return 0


if __name__ == "__main__":
    run(main)
