"""Stages that work side by side, with bounded queues between them and results in order."""

from collections import deque
from collections.abc import Callable, Iterable
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


def run_stages(
    batches: Iterable[Any], stages: list[Stage], deliver: Callable[[Any], None], ahead: int
) -> None:
    """Send batches through the stages, and what comes out to `deliver`, in their order.

    At most `ahead` batches are on their way at a time, so memory does not grow with the input.
    Batches may be long in coming: those before are delivered meanwhile, and an empty one only asks
    whether all is well. Behind an error of a stage or of `deliver`, which is raised here, nothing
    is delivered any more.
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
