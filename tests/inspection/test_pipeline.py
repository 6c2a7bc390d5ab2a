import threading

import pytest

from scratch_d2.inspection.pipeline import Stage, run_stages


def test_results_come_in_order_whatever_takes_longest():
    release = threading.Event()

    def slow_first(batch):
        if batch == [0]:
            assert release.wait(10)
        if batch == [3]:
            release.set()
        return [value * 10 for value in batch]

    stages = [Stage(slow_first, 4), Stage(lambda batch: batch[0] + 1, 2)]
    assert list(run_stages(([i] for i in range(8)), stages, ahead=5)) == list(range(1, 80, 10))


def test_no_more_than_so_many_batches_are_on_their_way():
    asked, most = [], []

    def batches():
        for index in range(50):
            asked.append(index)
            yield [index]

    for done, (index,) in enumerate(run_stages(batches(), [Stage(list, 3)], ahead=4)):
        most.append(len(asked) - done)
        assert index == done
    assert max(most) <= 5 and len(asked) == 50


def test_an_empty_batch_brings_all_that_is_on_its_way():
    made = []

    def batches():
        yield [1]
        yield [2]
        yield []
        assert made == [[1], [2]]
        yield [3]

    for batch in run_stages(batches(), [Stage(lambda batch: batch, 1)], ahead=10):
        made.append(batch)
    assert made == [[1], [2], [3]]


def test_an_error_comes_in_its_turn_and_ends_the_work():
    worked = []

    def fail_on_two(batch):
        worked.append(batch[0])
        if batch == [2]:
            raise ZeroDivisionError
        return batch

    stages, made = [Stage(fail_on_two, 1), Stage(list, 1)], []
    with pytest.raises(ZeroDivisionError):
        for batch in run_stages(([i] for i in range(1000)), stages, ahead=3):
            made.append(batch)
    assert made == [[0], [1]] and max(worked) < 8


def test_every_thread_of_a_stage_begins_once():
    begun, both = [], threading.Barrier(2)

    def wait_for_the_other(batch):
        both.wait(10)
        return batch

    stage = Stage(wait_for_the_other, 2, begin=lambda: begun.append(threading.get_ident()))
    assert list(run_stages([[0], [1]], [stage], ahead=4)) == [[0], [1]]
    assert len(set(begun)) == len(begun) == 2
