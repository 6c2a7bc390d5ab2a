"""Measure the service: `python benchmarks/serve.py --requests 2000 --clients 16`.

Renders labels, starts `scratch-d2 serve` with the reference models, and posts photographs from
several threads. One request in a hundred is broken. Prints images a second, latencies, processor
time for each image, and the memory of the server. By turns the same bytes are judged in this
process without HTTP, in as many threads, which is the most that the service could reach. Processor
time tells the two apart if other programs share the machine.

`--stand-in` serves an inspector that finds nothing at once: what is left is HTTP, decoding, rows,
and whether memory stays flat over very many requests.
"""

import argparse
import http.client
import io
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import numpy as np
from PIL import Image

from scratch_d2 import Inspector, Prediction, Thresholds
from scratch_d2.cli.common import run
from scratch_d2.inspection.processors import pick_workers, shared_by
from scratch_d2.serving.app import Limits
from scratch_d2.serving.batcher import Batcher
from scratch_d2.serving.judging import Judge, Upload
from scratch_d2.serving.server import Place, serve
from scratch_d2.synthetic.dataset import write_dataset

RENDERED, BATCH = 100, 8
BROKEN_EVERY = 100


def read_photographs(folder: Path) -> list[bytes]:
    """Render labels, one in five of them Bad, and return the bytes of the files."""
    write_dataset(folder, RENDERED, seed=0, progress=False)
    return [file.read_bytes() for file in sorted(folder.glob("[gb]*/*.png"))]


def broken(index: int) -> bytes:
    """Return a body that is no photograph: text, a cut PNG, an empty image, by turns."""
    buffer = io.BytesIO()
    Image.fromarray(np.full((50, 80), index % 256, np.uint8)).save(buffer, "PNG")
    return [b"no image", buffer.getvalue()[:60], b"\x89PNG\r\n\x1a\n"][index % 3]


class Direct:
    """The inspector without HTTP, in as many threads as the service has."""

    def __init__(self, inspector: Inspector, photographs: list[bytes]) -> None:
        self.judge, self.photographs = Judge(inspector), photographs

    def measure(self, images: int) -> tuple[float, float]:
        """Return images a second, and ms of processor time for each."""
        workers = pick_workers("cpu")
        with shared_by(workers) as begin:
            batcher = Batcher(self.judge, BATCH, workers, begin)
            contents = (self.photographs[i % len(self.photographs)] for i in range(images))
            begun, used = time.perf_counter(), time.process_time()
            for future in [batcher.submit(Upload(content, "a.png")) for content in contents]:
                future.result()
            seconds, used = time.perf_counter() - begun, time.process_time() - used
            batcher.close()
        return images / seconds, 1000 * used / images


def stand_in() -> Inspector:
    """Return an inspector that finds nothing, at once."""

    def find_nothing(images: list[np.ndarray]) -> list[Prediction]:
        return [Prediction.empty(*image.shape[:2]) for image in images]

    return Inspector(None, find_nothing, Thresholds())


@contextmanager
def server(is_stand_in: bool) -> Iterator[tuple[str, int, int]]:
    """Run `scratch-d2 serve`, or this script with --run; yields host, port and process id."""
    serve_models = ["-m", "scratch_d2", "serve", "--port", "0"]
    command = [sys.executable, *([__file__, "--run"] if is_stand_in else serve_models)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            lines = iter(process.stdout or [])
            host, port = next(
                filter(None, (re.search(r"//(.*):(\d+)/", line) for line in lines))
            ).groups()
            yield host, int(port), process.pid
        finally:
            process.terminate()
            process.communicate()


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_of(pid: int) -> float:
    """Return the resident memory of a process in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def load(
    host: str, port: int, photographs: list[bytes], requests: int, clients: int
) -> tuple[list[float], Counter[int]]:
    """Post photographs from several connections; returns seconds each, and answers by status."""
    numbers, lock = count(), threading.Lock()
    seconds: list[float] = []
    answers: Counter[int] = Counter()

    def run_client(_: int) -> None:
        connection = http.client.HTTPConnection(host, port, timeout=120)
        while (number := next(numbers)) < requests:
            is_broken = number % BROKEN_EVERY == BROKEN_EVERY - 1
            body = broken(number) if is_broken else photographs[number % len(photographs)]
            begin = time.perf_counter()
            connection.request("POST", "/inspect", body)
            answer = connection.getresponse()
            answer.read()
            with lock:
                seconds.append(time.perf_counter() - begin)
                answers[answer.status] += 1

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(run_client, range(clients)))
    return seconds, answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000, help="in all (2000)")
    parser.add_argument("--clients", type=int, default=16, help="connections at a time (16)")
    parser.add_argument("--parts", type=int, default=5, help="of the run, each with a row (5)")
    parser.add_argument("--stand-in", action="store_true", help="serve no models")
    parser.add_argument("--run", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.run:
        run(lambda: serve(stand_in(), Limits(), Place(port=0)) or 0)
    with tempfile.TemporaryDirectory() as folder:
        photographs = read_photographs(Path(folder) / "labels")
    direct = Direct(stand_in() if args.stand_in else Inspector.from_pretrained(), photographs)
    with server(args.stand_in) as (host, port, pid):
        load(host, port, photographs, 2 * args.clients, args.clients)
        direct.measure(2 * BATCH)
        print("requests  a second  p50 ms  p99 ms  cpu ms  memory MiB  directly: a second  cpu ms")
        for part in range(args.parts):
            requests = args.requests // args.parts
            begin, used = time.perf_counter(), processor_seconds(pid)
            seconds, answers = load(host, port, photographs, requests, args.clients)
            rate = requests / (time.perf_counter() - begin)
            used = 1000 * (processor_seconds(pid) - used) / requests
            p50, p99 = np.percentile(seconds, [50, 99]) * 1000
            row = f"{(part + 1) * requests:8}  {rate:8.1f}  {p50:6.0f}  {p99:6.0f}  {used:6.1f}"
            alone, alone_used = direct.measure(max(BATCH, requests // 2))
            row += f"  {memory_of(pid):10.0f}  {alone:18.1f}  {alone_used:6.1f}"
            print(f"{row}  {dict(answers)}", flush=True)


if __name__ == "__main__":
    main()
