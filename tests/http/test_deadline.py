"""Deadlines: missed when nothing happens, moved without a timer each, silent once closed."""

from __future__ import annotations

import asyncio

import pytest

from aiofrp.http.deadline import Deadline
from tests.support.clock import ManualClock


class Missed:
    """Counts, and can be waited for."""

    def __init__(self) -> None:
        self.count = 0
        self.event = asyncio.Event()

    def __call__(self) -> None:
        self.count += 1
        self.event.set()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """What deadlines take for the event loop."""
    clock = ManualClock()
    monkeypatch.setattr("aiofrp.http.deadline.asyncio.get_running_loop", lambda: clock)
    return clock


@pytest.mark.both_loops
async def test_it_is_missed_on_time() -> None:
    missed = Missed()
    deadline = Deadline(missed)
    started = asyncio.get_running_loop().time()
    deadline.set(0.05)
    await asyncio.wait_for(missed.event.wait(), 60)
    assert asyncio.get_running_loop().time() - started >= 0.04
    assert missed.count == 1


def test_it_is_missed_once(clock: ManualClock) -> None:
    missed = Missed()
    deadline = Deadline(missed)
    deadline.set(50)
    clock.advance(49)
    assert missed.count == 0
    clock.advance(1)
    assert missed.count == 1
    clock.advance(1000)
    assert missed.count == 1


def test_it_moves_both_ways(clock: ManualClock) -> None:
    missed = Missed()
    deadline = Deadline(missed)
    deadline.set(20)
    first = deadline._timer
    deadline.set(30_000)
    assert deadline._timer is first  # it looks again when it fires
    clock.advance(100)
    assert missed.count == 0
    deadline.set(20)
    clock.advance(20)
    assert missed.count == 1


def test_cleared_and_closed_it_is_silent(clock: ManualClock) -> None:
    missed = Missed()
    deadline = Deadline(missed)
    deadline.set(10)
    deadline.clear()
    clock.advance(50)
    assert missed.count == 0
    assert deadline._timer is None
    deadline.set(10)
    deadline.close()
    clock.advance(50)
    assert missed.count == 0
    deadline.close()


def test_a_pace_that_is_kept_goes_on_and_one_that_is_not_is_missed(clock: ManualClock) -> None:
    missed = Missed()
    deadline = Deadline(missed)
    deadline.pace(100, 100)
    for _ in range(4):
        deadline.moved(60)
        deadline.moved(60)
        clock.advance(80)
    assert missed.count == 0
    for _ in range(20):  # a byte now and then is no new time
        deadline.moved(1)
        clock.advance(20)
    assert missed.count == 1
    deadline.close()


def test_what_is_set_after_a_pace_has_none(clock: ManualClock) -> None:
    missed = Missed()
    deadline = Deadline(missed)
    deadline.pace(30_000, 1)
    deadline.set(20)
    deadline.moved(1000)
    clock.advance(20)
    assert missed.count == 1
    assert not deadline.running
