"""Run tools/predict.py over very many files, every hundredth of them broken, and watch its memory.

python benchmarks/endurance.py --config-file C --weights W --gate G [--images 10000] [KEY VALUE ...]

Renders 2,000 labels, 20% of them Bad, and links them under as many names as asked for. Prints exit
code, rows, errors, and resident memory after a tenth of the rows and at the end.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import cycle, islice
from pathlib import Path

from scratch_d2.synthetic.dataset import write_dataset

ROOT = Path(__file__).parents[1]
RENDERED = 2000


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config-file", required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--gate", required=True)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("opts", nargs=argparse.REMAINDER)
    return parser.parse_args()


def write_photographs(folder, count):
    """Links to rendered labels, Good and Bad mixed; every hundredth file is cut off half way."""
    rendered = folder / "rendered"
    write_dataset(rendered, min(RENDERED, count), workers=2, seed=78, progress=False)
    labels = sorted([*(rendered / "good").iterdir(), *(rendered / "bad").iterdir()], key=hash_name)
    (folder / "in").mkdir()
    for index, label in enumerate(islice(cycle(labels), count)):
        path = folder / "in" / f"{index:06d}.png"
        if index % 100 == 50:
            path.write_bytes(label.read_bytes()[: label.stat().st_size // 2])
        else:
            os.link(label, path)
    return folder / "in"


def hash_name(path):
    """A fixed order in which Good and Bad are mixed: by the digits of the name, last ones first."""
    return path.name[::-1]


def resident_mb(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def watch(process, rows, count):
    """Resident memory by the number of rows, looked at four times a second."""
    seen, lines, offset = [], 0, 0
    while process.poll() is None:
        if rows.exists():
            with open(rows, "rb") as file:
                file.seek(offset)
                new = file.read()
            offset, lines = offset + len(new), lines + new.count(b"\n")
            if lines < count:  # afterwards it writes what is derived from the rows
                seen.append((lines, resident_mb(process.pid)))
        time.sleep(0.25)
    return seen


def main():
    args = parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, output = write_photographs(folder, args.images), folder / "out"
        command = [sys.executable, str(ROOT / "tools" / "predict.py")]
        command += ["--config-file", args.config_file, "--input", str(source)]
        command += ["--output", str(output), *args.opts]
        command += ["MODEL.WEIGHTS", args.weights, "GATE.WEIGHTS", args.gate]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        seen = watch(process, output / "results.jsonl", args.images)
        said = process.stdout.read().splitlines()
        rows = [json.loads(line) for line in open(output / "results.jsonl")]
        print(*said[-3:-1], sep="\n")
        kinds = Counter(row["status"] for row in rows)
        print(f"exit code {process.returncode}, {len(rows)} rows: {dict(kinds)}, ", end="")
        print(f"{len({row['file'] for row in rows})} files")
        print_memory(seen, args.images)


def print_memory(seen, count):
    """Print resident memory on the way, and how much of it came after the first tenth."""
    at = [next(mb for lines, mb in seen if lines >= share * count) for share in (0.1, 0.25, 0.5)]
    at.append(seen[-1][1])
    curve = ", ".join(f"{mb:.0f}" for mb in at)
    print(
        f"resident memory after 10%, 25%, 50%, 100% of the rows: {curve} MB "
        f"({at[-1] / at[0] - 1:+.1%}), {max(mb for _, mb in seen):.0f} MB at most"
    )


if __name__ == "__main__":
    main()
