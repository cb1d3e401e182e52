"""Batches drawn ahead are the batches, errors come where they belong, and the thread ends with the loop."""

import os
import signal
import threading
import time

import numpy as np
import pytest

from tussle.data import Ahead, load


def batches(seed, step):
    rng = np.random.Generator(np.random.Philox(key=[seed, step]))
    return load("grid-9").train.sample(rng, 32)


def working():
    return [thread for thread in threading.enumerate() if thread.name == "tussle-batches"]


@pytest.mark.parametrize("depth", [1, 2, 50])
@pytest.mark.parametrize(("first", "last"), [(0, 20), (7, 12), (5, 5)])
def test_batches_drawn_ahead_are_bit_for_bit_those_drawn_directly(depth, first, last):
    with Ahead(batches, 3, first, last, depth) as drawn:
        found = list(drawn)
    assert len(found) == last - first
    assert all(x.tobytes() == batches(3, first + k).tobytes() for k, x in enumerate(found))
    assert working() == []


def test_no_more_than_the_depth_is_drawn_ahead():
    seen = []
    with Ahead(lambda seed, step: seen.append(step), 0, 0, 100, depth=3) as drawn:
        for taken in range(1, 6):
            next(drawn)
            late = time.monotonic() + 5
            while len(seen) < taken + 3 and time.monotonic() < late:
                time.sleep(0.001)
            time.sleep(0.005)
            assert seen == list(range(taken + 3))


def test_the_next_batch_is_drawn_while_the_loop_computes():
    ready = [threading.Event() for _ in range(6)]
    with Ahead(lambda seed, step: ready[step].set() or step, 0, 0, 6) as drawn:
        # Each step lasts until the next batch is there: in turns that would never be.
        assert all(ready[step + 1].wait(5) for step in drawn if step < 5)


def test_the_seconds_that_the_loop_waited_are_counted():
    def slow(seed, step):
        time.sleep(0.05)

    start = time.perf_counter()
    with Ahead(slow, 0, 0, 4) as drawn:
        list(drawn)
        assert 0.05 < drawn.waited <= time.perf_counter() - start


def test_an_error_is_raised_where_its_batch_is_asked_for():
    def breaks(seed, step):
        if step == 4:
            raise OSError("the disk is gone")
        return step

    drawn, found = Ahead(breaks, 0, 0, 10), []
    with pytest.raises(OSError, match="the disk is gone"):
        iter_into(drawn, found)
    assert found == [0, 1, 2, 3]
    assert working() == []
    with pytest.raises(StopIteration):
        next(drawn)


def iter_into(drawn, found):
    for batch in drawn:
        found.append(batch)


def test_a_loop_that_stops_early_ends_the_thread():
    def stops(drawn):
        with drawn:
            next(drawn)
            raise RuntimeError("enough")

    drawn = Ahead(batches, 0, 0, 1000)
    with pytest.raises(RuntimeError, match="enough"):
        stops(drawn)
    assert working() == []
    assert list(drawn) == []
    drawn.close()


def test_ctrl_c_interrupts_a_loop_that_waits_for_data():
    free = threading.Event()

    def stuck(seed, step):
        free.wait(5)

    def press():
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)
        free.set()

    threading.Thread(target=press).start()
    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt), Ahead(stuck, 0, 0, 3) as drawn:
        next(drawn)
    assert time.perf_counter() - start < 3
    assert working() == []


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((-1, 0, 1), "`seed` is -1"),
        ((0, -1, 1), "`first` is -1"),
        ((0, 3, 2), "`last` is 2"),
        ((0, 0, 1, 0), "`depth`"),
    ],
)
def test_counts_are_checked(arguments, match):
    with pytest.raises(ValueError, match=match):
        Ahead(batches, *arguments)
    assert working() == []
