"""Measure scanning, dataset dicts and import: `python benchmarks/data.py`.

Renders 5,180 labels (1,023 Bad with masks, the size of the real set) into a temporary folder,
then times a cold and a cached registration with dicts, the memory of 100,000 dataset dicts with
real polygons, and `import scratch_d2` in fresh interpreters.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path

from scratch_d2.data import get_dataset_dicts, register_scratch_dataset, scan_folder
from scratch_d2.data.catalog import record_to_dict
from scratch_d2.synthetic.dataset import write_dataset

IMAGES, BAD = 5180, 1023


def timed_dicts(name: str) -> float:
    start = time.perf_counter()
    dicts = get_dataset_dicts(name)
    seconds = time.perf_counter() - start
    marked = sum(item["verdict"] == "bad" and bool(item["annotations"]) for item in dicts)
    if len(dicts) != IMAGES:
        raise RuntimeError(f"{len(dicts)} dicts, expected {IMAGES}")
    print(f"  {len(dicts)} dicts, {marked} with masks, in {seconds:.2f} s")
    return seconds


def memory_of_dicts(root: Path, count: int = 100_000) -> float:
    """Megabytes of `count` dataset dicts; every record has its own polygons, as read from disk."""
    tracemalloc.start()
    dicts = []
    while len(dicts) < count:
        for record in scan_folder(root)[0]:
            image = record.image.with_name(f"{len(dicts):06d}_{record.image.name}")
            dicts.append(record_to_dict(replace(record, image=image), len(dicts)))
    megabytes = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    return megabytes


def import_seconds(module: str, repeats: int = 7) -> float:
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    runs = [subprocess.check_output([sys.executable, "-c", code]) for _ in range(repeats)]
    return statistics.median(float(run) for run in runs)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SCRATCH_D2_CACHE"] = str(Path(folder) / "cache")
        root = Path(folder) / "labels"
        write_dataset(root, IMAGES, bad_fraction=BAD / IMAGES, workers=2, progress=False)
        register_scratch_dataset("benchmark", root)
        print("cold:")
        cold = timed_dicts("benchmark")
        print("cached:")
        cached = timed_dicts("benchmark")
        print(f"  cold / cached = {cold / cached:.1f}")
        print(f"100,000 dataset dicts: {memory_of_dicts(root):.0f} MB")
    print(f"import scratch_d2: {import_seconds('scratch_d2') * 1000:.1f} ms")
    print(f"import scratch_d2.data: {import_seconds('scratch_d2.data') * 1000:.0f} ms")


if __name__ == "__main__":
    main()
