"""States of a proxy, back-off and reload: pure decisions, time passed in."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from aiofrp.client.backoff import MAX_DELAY, QUICK_PHASE, Backoff
from aiofrp.client.reload import diff
from aiofrp.client.states import RESEND_AFTER, RETRY_AFTER, Action, Phase, ProxyState


def test_a_new_proxy_is_announced_once_and_runs_when_accepted() -> None:
    state = ProxyState()
    assert state.next_action(0) is Action.ANNOUNCE
    assert state.next_action(3) is Action.NOTHING
    assert state.answered(":6000", "", 4)
    assert (state.phase, state.remote_addr, state.error) == (Phase.RUNNING, ":6000", "")
    assert state.next_action(1000) is Action.NOTHING


def test_an_unanswered_proxy_is_announced_again() -> None:
    state = ProxyState()
    state.next_action(0)
    assert state.next_action(RESEND_AFTER - 1) is Action.NOTHING
    assert state.next_action(RESEND_AFTER) is Action.ANNOUNCE


def test_a_refused_proxy_is_tried_again_later() -> None:
    state = ProxyState()
    state.next_action(0)
    assert state.answered("", "port not allowed", 1)
    assert (state.phase, state.error) == (Phase.START_ERROR, "port not allowed")
    assert state.next_action(RETRY_AFTER) is Action.NOTHING
    assert state.next_action(1 + RETRY_AFTER) is Action.ANNOUNCE


def test_an_answer_nobody_waits_for_is_ignored() -> None:
    state = ProxyState()
    assert not state.answered(":1", "", 0)
    assert state.phase is Phase.NEW


def test_a_sick_service_takes_its_proxy_out_and_brings_it_back() -> None:
    state = ProxyState(healthy=False)
    assert state.next_action(0) is Action.NOTHING
    state.healthy = True
    assert state.next_action(1) is Action.ANNOUNCE
    state.answered(":1", "", 2)
    state.healthy = False
    assert state.next_action(3) is Action.WITHDRAW
    assert state.phase is Phase.CHECK_FAILED
    assert state.next_action(4) is Action.NOTHING
    state.healthy = True
    assert state.next_action(5) is Action.ANNOUNCE


@pytest.mark.parametrize(("answer", "told"), [(None, True), ("", True), ("no", False)])
def test_only_a_proxy_the_server_knows_is_withdrawn(answer: str | None, told: bool) -> None:
    state = ProxyState()
    state.next_action(0)
    if answer is not None:
        state.answered("", answer, 1)
    assert state.close() is told
    assert state.phase is Phase.CLOSED


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


@dataclass(frozen=True)
class Item:
    name: str
    value: int = 0


def test_a_reload_touches_only_what_changed() -> None:
    change = diff([Item("a"), Item("b"), Item("c")], [Item("d"), Item("c"), Item("b", 1)])
    assert change.remove == ("a", "b")
    assert change.add == (Item("b", 1), Item("d"))
    assert not diff([Item("a")], [Item("a")])
