"""Measure rendering: `python benchmarks/synthetic.py` (Linux).

Renders 1,000 and 4,000 labels with one worker and with two, each in a fresh interpreter; plans and
describes a folder of 100,000 images that are links to these; kills a run half way and lets it go
on. Prints tables of docs/benchmarks/speed.md. Memory is the sum of the peaks of a process and its
workers.
"""

import hashlib
import itertools
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from scratch_d2.synthetic.dataset import write_dataset
from scratch_d2.synthetic.disk.folder import open_folder, write_annotations
from scratch_d2.synthetic.disk.parallel import open_workers
from scratch_d2.synthetic.plan import plan_bursts
from scratch_d2.utils.tables import format_table

SMALL, LARGE, HUGE = 1000, 4000, 100_000


class Run(NamedTuple):
    """Seconds on the clock, seconds of all processors together, peak memory in MB."""

    seconds: float
    cpu_seconds: float
    megabytes: float


def start(call: str, *arguments: object) -> subprocess.Popen:
    """Call a function of this file in a fresh interpreter."""
    return subprocess.Popen([sys.executable, __file__, call, *map(str, arguments)])


def watch(process: subprocess.Popen) -> Run:
    begin, before, peaks = time.perf_counter(), cpu_seconds(), {}
    while process.poll() is None:
        peaks |= peak_megabytes(process.pid)
        time.sleep(0.05)
    if process.returncode:
        raise RuntimeError(f"{process.args} ended with {process.returncode}")
    return Run(time.perf_counter() - begin, cpu_seconds() - before, sum(peaks.values()))


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def peak_megabytes(parent: int) -> dict[int, float]:
    """Peak resident memory of a process and of its children so far, by process."""
    peaks = {}
    for file in Path("/proc").glob("[0-9]*/status"):
        try:
            status = dict(re.findall(r"^(Pid|PPid|VmHWM):\s+(\d+)", file.read_text(), re.M))
        except OSError:
            continue  # it has just ended
        if str(parent) in (status["Pid"], status["PPid"]) and "VmHWM" in status:
            peaks[int(status["Pid"])] = int(status["VmHWM"]) / 1e3
    return peaks


def render(out: str, count: str, workers: str) -> None:
    write_dataset(out, int(count), workers=int(workers), progress=False)


def describe_huge(source: str, out: str, workers: str) -> None:
    """All that a run of HUGE images does but render them: plan, look at the folder, COCO JSON."""
    linked = {}
    for kind in ("good", "bad"):
        linked[kind] = itertools.cycle(sorted((Path(source) / kind).iterdir()))
    bursts = plan_bursts(HUGE, seed=0, bad_fraction=0.2)
    planned = {name for burst in bursts for name in burst.files()}
    open_folder(Path(out), {}, planned)
    for name in sorted(name for name in planned if not name.startswith("masks/")):
        image = next(linked[name.split("/")[0]])
        os.link(image, Path(out, name))
        if name.startswith("bad/"):
            os.link(Path(source, "masks", image.name), Path(out, "masks", Path(name).name))
    if open_folder(Path(out), {}, planned):
        raise RuntimeError("files are missing")
    with open_workers(int(workers)) as parallel_map:
        write_annotations(Path(out), planned, parallel_map)


def digest(folder: Path) -> str:
    """Hash of the names and bytes of all files in a folder."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return total.hexdigest()


def kill_and_resume(out: Path, whole: Path) -> None:
    process = start("render", out, SMALL, 2)
    while sum(1 for _ in out.glob("good/[0-9]*")) < SMALL // 3:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(1)  # its workers notice
    finished = {path: path.stat().st_mtime_ns for path in out.glob("*/[0-9]*")}
    watch(start("render", out, SMALL, 2))
    rewritten = sum(path.stat().st_mtime_ns != time for path, time in finished.items())
    same = "the same" if digest(out) == digest(whole) else "NOT the same"
    total = sum(1 for _ in whole.glob("*/*.png"))
    print(
        f"\nKilled after {len(finished)} of {total} files and called again: {rewritten} rewritten, "
        f"every byte {same} as in an unbroken run."
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        runs = {
            (count, workers): watch(
                start("render", Path(folder, f"{count}-{workers}"), count, workers)
            )
            for workers in (1, 2)
            for count in (SMALL, LARGE)
        }
        source = Path(folder, f"{LARGE}-2")
        huge = watch(start("describe_huge", source, Path(folder, "huge"), 2))
        print_table(runs, huge)
        kill_and_resume(Path(folder, "killed"), Path(folder, f"{SMALL}-1"))


def print_table(runs: dict[tuple[int, int], Run], huge: Run) -> None:
    small, large = ([runs[count, workers] for workers in (1, 2)] for count in (SMALL, LARGE))
    pairs = list(zip(small, large, strict=True))
    more = LARGE - SMALL
    rows = {
        f"images/s, all of {LARGE:,}": [LARGE / run.seconds for run in large],
        "images/s, once started": [more / (b.seconds - a.seconds) for a, b in pairs],
        "processor time per image, ms": [
            1e3 * (b.cpu_seconds - a.cpu_seconds) / more for a, b in pairs
        ],
        f"peak memory, {SMALL:,} images, MB": [run.megabytes for run in small],
        f"peak memory, {LARGE:,} images, MB": [run.megabytes for run in large],
    }
    cells = [[name, *(f"{value:.3g}" for value in values)] for name, values in rows.items()]
    print(format_table(cells, ["", "1 worker", "2 workers"], markdown=True))
    print(
        f"\n{HUGE:,} images but for rendering them: {huge.seconds:.0f} s, {huge.megabytes:.0f} MB."
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        {"render": render, "describe_huge": describe_huge}[sys.argv[1]](*sys.argv[2:])
    else:
        main()
