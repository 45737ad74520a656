"""When frpc tries to log in again."""

from __future__ import annotations

import random

from aiofrp.client.backoff import MAX_DELAY, QUICK_PHASE, Backoff


def test_the_back_off_stays_dense_for_a_minute_and_then_grows() -> None:
    backoff, now = Backoff(random.Random(1)), 0.0
    quick: list[float] = []
    slow: list[float] = []
    while now < 300:
        delay = backoff.next_delay(now)
        (quick if now < QUICK_PHASE else slow).append(delay)
        now += delay
    assert max(quick) <= 2.0
    assert sum(quick[:3]) < 1.5, "a short outage is over at once"
    assert MAX_DELAY * 0.7 < max(slow) <= MAX_DELAY


def test_a_session_that_lasted_ends_the_outage_and_a_short_one_does_not() -> None:
    backoff = Backoff(random.Random(1))
    for now in range(10):
        backoff.next_delay(now)
    backoff.succeeded(0.1)
    assert backoff.next_delay(10) > 1
    backoff.succeeded(60)
    assert backoff.next_delay(70) < 0.3
