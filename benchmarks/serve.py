"""Measure the service: `python benchmarks/serve.py --requests 2000 --clients 16`.

Renders labels, starts `scratch-d2 serve` with the reference models, and posts photographs from
several threads. One request in a hundred is broken. Prints images a second, latencies, and the
memory of the server over the run. Before that, the same bytes are judged in this process by the
same code without HTTP, in as many threads, which is the most that the service could reach.
"""

import argparse
import http.client
import io
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

from scratch_d2 import Inspector
from scratch_d2.inspection.processors import pick_workers, shared_by
from scratch_d2.serving.batcher import Batcher
from scratch_d2.serving.judging import Judge, Upload
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


def measure_direct(photographs: list[bytes], images: int) -> float:
    """Return images a second of the inspector without HTTP."""
    inspector = Inspector.from_pretrained()
    workers = pick_workers("cpu")
    with shared_by(workers) as begin:
        batcher = Batcher(Judge(inspector), BATCH, workers, begin)
        uploads = [Upload(photographs[i % len(photographs)], "a.png") for i in range(images)]
        for future in [batcher.submit(upload) for upload in uploads[:BATCH]]:
            future.result()  # the first batch is slow
        begun = time.perf_counter()
        for future in [batcher.submit(upload) for upload in uploads]:
            future.result()
        seconds = time.perf_counter() - begun
        batcher.close()
    return images / seconds


@contextmanager
def server() -> Iterator[tuple[str, int, int]]:
    """Run `scratch-d2 serve`; yields host, port and process id."""
    command = [sys.executable, "-m", "scratch_d2", "serve", "--port", "0"]
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
    parser.add_argument("--direct", type=int, default=400, help="images without HTTP (400)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        photographs = read_photographs(Path(folder) / "labels")
    print(f"without HTTP: {measure_direct(photographs, args.direct):.1f} images a second")
    with server() as (host, port, pid):
        load(host, port, photographs, 2 * args.clients, args.clients)
        print("requests  a second  p50 ms  p99 ms  memory MiB  answers")
        for part in range(args.parts):
            begin = time.perf_counter()
            requests = args.requests // args.parts
            seconds, answers = load(host, port, photographs, requests, args.clients)
            rate = len(seconds) / (time.perf_counter() - begin)
            p50, p99 = np.percentile(seconds, [50, 99]) * 1000
            row = f"{(part + 1) * requests:8}  {rate:8.1f}  {p50:6.0f}  {p99:6.0f}"
            print(f"{row}  {memory_of(pid):10.0f}  {dict(answers)}", flush=True)


if __name__ == "__main__":
    main()
