"""Many at once, one at a time: everybody is served, in batches, whatever happens to who asked."""

import asyncio
import threading

import pytest

from appliance.artifacts.batching import Batcher


class Worker:
    """Doubles numbers; keeps the batches that it was given."""

    def __init__(self):
        self.batches, self.may_go = [], threading.Event()
        self.may_go.set()

    def work(self, items):
        self.may_go.wait(60)
        self.batches.append(list(items))
        if 13 in items:
            raise ValueError
        return [2 * item for item in items]


def test_who_asks_at_once_is_served_together():
    """In order, no more at a time than was said."""
    worker = Worker()

    async def ask():
        batcher = Batcher(worker.work, most=4)
        return await asyncio.gather(*map(batcher.ask, range(10)))

    assert asyncio.run(ask()) == [2 * item for item in range(10)]
    assert worker.batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_who_gave_up_is_served_all_the_same():
    """What was handed over is written, though nobody waits for it."""
    worker = Worker()

    async def ask():
        batcher = Batcher(worker.work, most=1)
        worker.may_go.clear()
        asking = [asyncio.create_task(batcher.ask(item)) for item in range(3)]
        await asyncio.sleep(0.05)
        for one in asking:
            one.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        worker.may_go.set()
        await batcher.drain()

    asyncio.run(ask())

    assert worker.batches == [[0], [1], [2]]


def test_a_failure_is_told_to_all_of_its_batch_and_to_no_other():
    """The next batch is a new try."""
    worker = Worker()

    async def ask():
        batcher = Batcher(worker.work, most=2)
        return await asyncio.gather(*map(batcher.ask, [12, 13, 14]), return_exceptions=True)

    first, second, third = asyncio.run(ask())

    assert isinstance(first, ValueError)
    assert isinstance(second, ValueError)
    assert third == 28


@pytest.mark.parametrize("patience_s", [0.0, 0.05])
def test_patience_gathers_those_that_come_a_little_later(patience_s):
    """Without it the first one goes alone."""
    worker = Worker()

    async def ask():
        batcher = Batcher(worker.work, most=9, patience_s=lambda: patience_s)
        first = asyncio.create_task(batcher.ask(1))
        await asyncio.sleep(0.02)
        await asyncio.gather(first, batcher.ask(2))

    asyncio.run(ask())

    assert worker.batches == ([[1, 2]] if patience_s else [[1], [2]])


def test_who_gives_up_draining_stops_nothing():
    """What waits is served all the same."""
    worker = Worker()

    async def drain_and_give_up():
        batcher = Batcher(worker.work, most=9, patience_s=lambda: 0.05)
        asking = asyncio.create_task(batcher.ask(1))
        await asyncio.sleep(0)
        draining = asyncio.create_task(batcher.drain())
        await asyncio.sleep(0)
        draining.cancel()
        return await asyncio.wait_for(asking, 60)

    assert asyncio.run(drain_and_give_up()) == 2
