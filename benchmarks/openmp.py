#!/usr/bin/env python3
"""What waiting threads of OpenMP cost: spinning, as libgomp does by itself, against giving way.

    benchmarks/openmp.py [--rounds 3] [--busy 1]

Inspects datasets/examples in turns with OMP_WAIT_POLICY ACTIVE and PASSIVE, the default of this
package, on a machine that does nothing else and beside --busy processes that compute. Prints the
median images/s of the rounds.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile

from scratch_d2.cli.common import run
from scratch_d2.utils.tables import format_table

POLICIES = {
    "spinning": {"OMP_WAIT_POLICY": "ACTIVE", "GOMP_SPINCOUNT": "300000"},
    "giving way": {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"},
}
PHOTOGRAPHS = ("datasets/examples/good", "datasets/examples/bad")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--busy", type=int, default=1, metavar="N")
    return parser.parse_args()


def inspect(policy: dict[str, str]) -> float:
    """Return the images/s that a prediction of all examples by both models reports."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "scratch_d2", "predict", "--output", folder]
        command += ["--input", *PHOTOGRAPHS, "SCRATCH.ENGINE", "embedded", "GATE.THRESHOLD", "0"]
        env = {**os.environ, **policy}
        done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    return float(re.search(r"([\d.]+) a second", done.stdout)[1])


def measure(rounds: int, busy: int) -> list[float]:
    """Return the median images/s of each policy beside so many busy processes."""
    beside = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
    try:
        speeds = [[inspect(policy) for policy in POLICIES.values()] for _ in range(rounds)]
    finally:
        for process in beside:
            process.kill()
    return [statistics.median(column) for column in zip(*speeds, strict=True)]


def main() -> int:
    args = parse_args()
    rows = []
    for busy in (0, args.busy):
        spinning, giving_way = measure(args.rounds, busy)
        name = f"beside {busy} busy processes" if busy else "nothing else runs"
        rows.append([name, spinning, giving_way, f"{giving_way / spinning:.2f}"])
    print(format_table(rows, ["images/s", *POLICIES, "ratio"], markdown=True))
    return 0


if __name__ == "__main__":
    run(main)
