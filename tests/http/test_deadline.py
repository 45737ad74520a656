"""Deadlines: missed when nothing happens, moved without a timer each, silent once closed."""

from __future__ import annotations

import asyncio

import pytest

from aiofrp.http.deadline import Deadline


class Missed:
    """Counts, and can be waited for."""

    def __init__(self) -> None:
        self.count = 0
        self.event = asyncio.Event()

    def __call__(self) -> None:
        self.count += 1
        self.event.set()


@pytest.mark.both_loops
async def test_it_is_missed_once() -> None:
    missed = Missed()
    deadline = Deadline(missed)
    started = asyncio.get_running_loop().time()
    deadline.set(0.05)
    await asyncio.wait_for(missed.event.wait(), 5)
    assert asyncio.get_running_loop().time() - started >= 0.04
    await asyncio.sleep(0.1)
    assert missed.count == 1


async def test_it_moves_both_ways() -> None:
    missed = Missed()
    deadline = Deadline(missed)
    deadline.set(0.02)
    first = deadline._timer
    deadline.set(30)
    assert deadline._timer is first  # it looks again when it fires
    await asyncio.sleep(0.1)
    assert missed.count == 0
    deadline.set(0.02)
    await asyncio.wait_for(missed.event.wait(), 5)
    assert missed.count == 1


async def test_cleared_and_closed_it_is_silent() -> None:
    missed = Missed()
    deadline = Deadline(missed)
    deadline.set(0.01)
    deadline.clear()
    await asyncio.sleep(0.05)
    assert missed.count == 0
    assert deadline._timer is None
    deadline.set(0.01)
    deadline.close()
    await asyncio.sleep(0.05)
    assert missed.count == 0
    deadline.close()


async def test_a_pace_that_is_kept_goes_on_and_one_that_is_not_is_missed() -> None:
    missed = Missed()
    deadline = Deadline(missed)
    deadline.pace(0.1, 100)
    for _ in range(4):
        deadline.moved(60)
        deadline.moved(60)
        await asyncio.sleep(0.08)
    assert missed.count == 0
    for _ in range(20):  # a byte now and then is no new time
        deadline.moved(1)
        await asyncio.sleep(0.02)
    assert missed.count == 1
    deadline.close()


async def test_what_is_set_after_a_pace_has_none() -> None:
    missed = Missed()
    deadline = Deadline(missed)
    deadline.pace(30, 1)
    deadline.set(0.02)
    deadline.moved(1000)
    await asyncio.wait_for(missed.event.wait(), 5)
    assert not deadline.running
