"""Stages that run in parallel on batches, with bounded queues and results in order."""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, NamedTuple


class Stage(NamedTuple):
    """One step of the work on a batch.

    Attributes:
        work: takes a batch and returns what the next stage takes.
        threads: number of batches that the stage works on at the same time.
        begin: called once by each thread before its first batch.
    """

    work: Callable[[Any], Any]
    threads: int
    begin: Callable[[], None] | None = None


def run_stages(
    batches: Iterable[Any], stages: list[Stage], deliver: Callable[[Any], None], ahead: int
) -> None:
    """Run batches through the stages, and pass the results to `deliver` in order.

    At most `ahead` batches are in the stages at a time, so memory does not grow with the input. If
    the next batch takes long to come, earlier ones are delivered meanwhile; an empty batch only
    checks for errors. An error of a stage or of `deliver` is raised here, and nothing after it is
    delivered.
    """
    waiting: deque[Future] = deque()
    with ExitStack() as stack:
        pools = [
            stack.enter_context(ThreadPoolExecutor(stage.threads, initializer=stage.begin))
            for stage in stages
        ]
        door = stack.enter_context(ThreadPoolExecutor(1))
        stack.callback(_cancel, [*pools, door])
        delivered = _done(None)
        for batch in batches:
            if batch:
                made = _send(batch, stages, pools)
                delivered = door.submit(_after_former, made, deliver, delivered)
                waiting.append(delivered)
            while waiting and (len(waiting) >= ahead or waiting[0].done()):
                waiting.popleft().result()
        for delivery in waiting:
            delivery.result()


def _send(batch: Any, stages: list[Stage], pools: list[ThreadPoolExecutor]) -> Future:
    job = _done(batch)
    for stage, pool in zip(stages, pools):
        job = pool.submit(_after, job, stage.work)
    return job


def _after(job: Future, work: Callable[[Any], Any]) -> Any:
    return work(job.result())


def _after_former(made: Future, deliver: Callable[[Any], None], former: Future) -> None:
    former.result()
    deliver(made.result())


def _done(value: Any) -> Future:
    job: Future = Future()
    job.set_result(value)
    return job


def _cancel(pools: list[ThreadPoolExecutor]) -> None:
    for pool in pools:
        pool.shutdown(wait=False, cancel_futures=True)
