import threading

import pytest

from scratch_d2.serving.batcher import Batcher


class Gate:
    """Work that waits until it is let through, and keeps its batches."""

    def __init__(self):
        self.batches, self.begun, self.open = [], threading.Event(), threading.Event()

    def __call__(self, items):
        self.batches.append(items)
        self.begun.set()
        self.open.wait(10)
        return [ValueError(f"no {item}") if item < 0 else 10 * item for item in items]


@pytest.fixture
def gate():
    return Gate()


def test_what_comes_while_the_thread_is_busy_is_worked_on_together(gate):
    sizes = []
    batcher = Batcher(gate, batch_size=3, observe=sizes.append)
    futures = [batcher.submit(0)]
    gate.begun.wait(10)
    futures += [batcher.submit(item) for item in (1, 2, -3, 4)]
    assert batcher.waiting == 4
    assert futures[2].cancel()  # a client that has gone
    gate.open.set()
    batcher.close()
    assert gate.batches == [[0], [1, -3, 4]] and sizes == [1, 3]
    assert [future.result() for future in (futures[0], futures[1], futures[4])] == [0, 10, 40]
    with pytest.raises(ValueError, match="no -3"):
        futures[3].result()


def test_closing_finishes_what_waits_and_takes_no_more(gate):
    batcher = Batcher(gate, batch_size=1, workers=2)
    futures = [batcher.submit(item) for item in range(5)]
    assert batcher.alive
    closing = threading.Thread(target=batcher.close)
    closing.start()
    gate.open.set()
    closing.join(10)
    assert [future.result(0) for future in futures] == [0, 10, 20, 30, 40] and not batcher.alive
    with pytest.raises(RuntimeError, match="the server is closing"):
        batcher.submit(5)


def test_work_that_fails_as_a_whole_fails_every_item_and_the_thread_goes_on():
    batcher = Batcher(lambda items: [1 / item for item in items], batch_size=1)
    with pytest.raises(ZeroDivisionError):
        batcher.submit(0).result(10)
    assert batcher.submit(2).result(10) == 0.5 and batcher.alive
    batcher.close()
