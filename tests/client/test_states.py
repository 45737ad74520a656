"""The states of a proxy: pure decisions, time passed in."""

from __future__ import annotations

import pytest

from aiofrp.client.states import LATELY, RESEND_AFTER, RETRY_AFTER, Action, Lost, Phase, ProxyState


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


def test_what_was_lost_counts_as_lately_for_a_minute() -> None:
    now = 5.0
    lost = Lost(lambda: now)
    assert not lost.lately("refused")
    lost.add("refused", 2)
    lost.add("refused", 3)
    lost.add("full", 1)
    assert lost.counts == {"refused": 5, "full": 1}
    now += LATELY - 1
    assert lost.lately("refused")
    now += 1
    assert not lost.lately("refused")
