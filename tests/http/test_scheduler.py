"""Scheduler: nobody parses for longer than a slice while others wait, and everything is done in the end."""

from __future__ import annotations

import asyncio
import time

import pytest

from aiofrp.http.scheduler import ROUND, SLICE, Scheduler
from tests.support.ends import until


class Busy:
    """Work of ``steps``, each of ``seconds``."""

    def __init__(self, scheduler: Scheduler, steps: int, seconds: float, order: list[Busy]) -> None:
        self.scheduler = scheduler
        self.left = steps
        self.seconds = seconds
        self.order = order
        self.ended: list[bool] = []
        self.again = False

    def step(self) -> bool:
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            pass
        self.left -= 1
        self.order.append(self)
        if self.again:
            self.scheduler.take(self)
        return self.left > 0

    def turn_ended(self, more: bool) -> None:
        self.ended.append(more)


@pytest.mark.both_loops
async def test_much_work_leaves_the_loop_to_others() -> None:
    scheduler = Scheduler()
    order: list[Busy] = []
    works = [Busy(scheduler, 100, SLICE / 10, order) for _ in range(5)]
    beats = 0
    for work in works:
        scheduler.take(work)
    while any(work.left for work in works):
        before = time.process_time()  # what others take of the machine does not count
        await asyncio.sleep(0)
        assert time.process_time() - before < 1
        beats += 1
    assert beats >= 5 * 100 * SLICE / 10 / ROUND / 2
    assert all(work.ended[-1] is False and work.ended[0] is True for work in works)
    first = [work for position, work in enumerate(order) if work not in order[:position]]
    assert first == works  # in turn
    assert order[:100] != [works[0]] * 100


async def test_little_work_is_done_at_once() -> None:
    scheduler = Scheduler()
    order: list[Busy] = []
    work = Busy(scheduler, 3, 0, order)
    scheduler.take(work)
    assert (work.left, work.ended) == (0, [False])


async def test_work_that_asks_within_its_step_is_not_done_twice() -> None:
    scheduler = Scheduler()
    order: list[Busy] = []
    work = Busy(scheduler, 3, 0, order)
    work.again = True
    scheduler.take(work)
    assert len(order) == 3


async def test_a_round_that_is_used_up_makes_others_wait_a_turn() -> None:
    scheduler = Scheduler()
    order: list[Busy] = []
    long, short = Busy(scheduler, 1, ROUND * 2, order), Busy(scheduler, 1, 0, order)
    scheduler.take(long)
    scheduler.take(short)
    assert short.ended == [True]
    await until(lambda: short.ended == [True, False])
