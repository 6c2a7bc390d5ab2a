import threading

import pytest

from scratch_d2.inspection.pipeline import Stage, run_stages


def run(batches, stages, ahead=5):
    delivered = []
    run_stages(batches, stages, delivered.append, ahead)
    return delivered


def test_results_come_in_order_whatever_takes_longest():
    release = threading.Event()

    def slow_first(batch):
        if batch == [0]:
            assert release.wait(10)
        if batch == [3]:
            release.set()
        return [value * 10 for value in batch]

    stages = [Stage(slow_first, 4), Stage(lambda batch: batch[0] + 1, 2)]
    assert run(([i] for i in range(8)), stages) == list(range(1, 80, 10))


def test_no_more_than_so_many_batches_are_on_their_way():
    asked, delivered, most = [], [], []

    def batches():
        for index in range(50):
            asked.append(index)
            most.append(len(asked) - len(delivered))
            yield [index]

    run_stages(batches(), [Stage(list, 3)], delivered.append, ahead=4)
    assert max(most) <= 4 and delivered == [[index] for index in range(50)]


def test_results_do_not_wait_for_the_next_batch():
    arrived = threading.Event()

    def batches():
        yield [1]
        assert arrived.wait(10)
        yield []
        yield [2]

    made = []

    def deliver(batch):
        made.append(batch)
        arrived.set()

    run_stages(batches(), [Stage(list, 2)], deliver, ahead=10)
    assert made == [[1], [2]]


@pytest.mark.parametrize("guilty", ["stage", "deliver", "source"])
def test_behind_an_error_nothing_is_delivered(guilty):
    worked, delivered = [], []

    def fail_on_two(batch):
        worked.append(batch[0])
        if batch == [2] and guilty == "stage":
            raise ZeroDivisionError
        return batch

    def deliver(batch):
        if batch == [2] and guilty == "deliver":
            raise ZeroDivisionError
        delivered.append(batch)

    def batches():
        for index in range(1000):
            if index == 2 and guilty == "source":
                raise ZeroDivisionError
            yield [index]

    with pytest.raises(ZeroDivisionError):
        run_stages(batches(), [Stage(fail_on_two, 2), Stage(list, 1)], deliver, ahead=4)
    assert delivered == [[0], [1]][: len(delivered)] and max(worked) < 10
    assert guilty == "source" or len(delivered) == 2


def test_every_thread_of_a_stage_begins_once():
    begun, both = [], threading.Barrier(2)

    def wait_for_the_other(batch):
        both.wait(10)
        return batch

    stage = Stage(wait_for_the_other, 2, begin=lambda: begun.append(threading.get_ident()))
    assert run([[0], [1]], [stage]) == [[0], [1]]
    assert len(set(begun)) == len(begun) == 2
