"""The last hour and the last week: aligned, bounded, whatever the clock does."""

from __future__ import annotations

import time

from aiofrp.server.live.history import DAYS, STEP, STEPS, Amounts, History, Ring


def test_steps_add_up_and_old_ones_are_overwritten() -> None:
    ring = Ring(3)
    ring.add(10, Amounts(1, 2, 3, 4))
    ring.add(10, Amounts(1, 1, 2, 1))
    ring.add(12, Amounts(7))
    assert ring.until(12) == [Amounts(2, 3, 3, 5), Amounts(), Amounts(7)]
    ring.add(13, Amounts(8))  # in the place of 10
    assert ring.until(13) == [Amounts(), Amounts(7), Amounts(8)]
    assert ring.until(99) == [Amounts()] * 3
    assert sorted(ring.known()) == [(12, Amounts(7)), (13, Amounts(8))]


def test_the_hour_and_the_week_end_now() -> None:
    history, now = History(), time.time()
    history.add(now - STEP, Amounts(5, 6, 7, 8))
    history.add(now, Amounts(1, 1, 1, 1))
    begin, hour = history.last_hour(now)
    assert len(hour) == STEPS
    assert begin % STEP == 0
    assert begin + STEPS * STEP > now >= begin + (STEPS - 1) * STEP
    assert hour[-2:] == [Amounts(5, 6, 7, 8), Amounts(1, 1, 1, 1)]
    asked: list[int] = []

    def midnight(day: int) -> float:
        asked.append(day)
        return 86_400.0

    begin, week = history.last_week(now, midnight)
    assert (begin, len(week), len(asked)) == (86_400, DAYS, 1)
    assert sum(day.traffic_in for day in week) == 6


def test_a_clock_that_jumps_back_or_far_forward_breaks_nothing() -> None:
    history, now = History(), time.time()
    history.add(now, Amounts(1))
    history.add(now - 7200, Amounts(2))
    history.add(now + 10 * 86_400, Amounts(3))
    _, hour = history.last_hour(now + 10 * 86_400)
    assert sum(step.traffic_in for step in hour) == 3
