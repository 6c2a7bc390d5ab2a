"""Stages that work side by side, with bounded queues between them and results in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, NamedTuple


class Stage(NamedTuple):
    """What is done to a batch, and how many threads do it to different batches at a time.

    Attributes:
        begin: called once by each of the threads before its first batch.
    """

    work: Callable[[Any], Any]
    threads: int
    begin: Callable[[], None] | None = None


def run_stages(batches: Iterable[Any], stages: list[Stage], ahead: int) -> Iterator[Any]:
    """Send batches through the stages and yield what the last stage returns, in their order.

    At most `ahead` batches are on their way at a time, so memory does not grow with the input. An
    empty batch says that no other is there yet: all that are on their way are finished and
    yielded before the next one is asked for. An error of a stage is raised in its batch's turn;
    what comes behind it is dropped.
    """
    waiting: deque[Future] = deque()
    with ExitStack() as stack:
        pools = [
            stack.enter_context(ThreadPoolExecutor(stage.threads, initializer=stage.begin))
            for stage in stages
        ]
        stack.callback(_cancel, pools)
        for batch in batches:
            if batch:
                waiting.append(_submit(batch, stages, pools))
            while waiting and (len(waiting) >= ahead or not batch or waiting[0].done()):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _submit(batch: Any, stages: list[Stage], pools: list[ThreadPoolExecutor]) -> Future:
    job: Future = Future()
    job.set_result(batch)
    for stage, pool in zip(stages, pools):
        job = pool.submit(_after, job, stage.work)
    return job


def _after(job: Future, work: Callable[[Any], Any]) -> Any:
    return work(job.result())


def _cancel(pools: list[ThreadPoolExecutor]) -> None:
    for pool in pools:
        pool.shutdown(wait=False, cancel_futures=True)
