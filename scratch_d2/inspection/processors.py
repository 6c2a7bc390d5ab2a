"""How the processors are shared between networks that run side by side."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from scratch_d2.utils.device import count_processors, pick_device

MOST_WORKERS = 8
# Engines of exported models, whose sessions are told how many threads to use.
WITHOUT_TORCH = ("onnxruntime", "openvino")


def pick_workers(device_name: str, engine: object = None) -> int:
    """Return how many batches are best worked on at a time: one on a GPU, else one per processor.

    A network that has a processor to itself never waits for the others; one that is spread
    over several does in all its parts that cannot be spread. Beyond MOST_WORKERS of them memory
    becomes the limit.

    Args:
        engine: what runs the models, as an inspector's metadata name it.
    """
    if engine in WITHOUT_TORCH:
        return min(count_processors(), MOST_WORKERS)
    import torch

    if pick_device(device_name).type == "cuda":
        return 1
    return min(torch.get_num_threads(), MOST_WORKERS)


@contextmanager
def shared_by(workers: int) -> Iterator[Callable[[], None]]:
    """Yield what each of `workers` threads has to call first, to take only its share of processors.

    Setting the number once does not reach them: matrix libraries ask the thread that calls. Where
    torch is not loaded, no network runs on it, and nothing has to be done.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        yield lambda: None
        return
    threads = torch.get_num_threads()
    try:
        yield partial(torch.set_num_threads, max(1, threads // workers))
    finally:
        torch.set_num_threads(threads)
