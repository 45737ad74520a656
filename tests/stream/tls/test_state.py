"""The table of a TLS stream's states."""

from __future__ import annotations

import itertools

import pytest

from aiofrp.stream.tls.state import TRANSITIONS, TlsEvent, TlsState

DIRECTIONS = [TlsEvent.READY, TlsEvent.WRITE_EOF, TlsEvent.CLOSE_NOTIFY]


def run(*events: TlsEvent) -> TlsState:
    state = TlsState.HANDSHAKE
    for event in events:
        state = TRANSITIONS[state, event]
    return state


@pytest.mark.parametrize("order", list(itertools.permutations(DIRECTIONS)))
def test_every_order_that_can_be_ends_in_the_same_state(order: tuple[TlsEvent, ...]) -> None:
    if order.index(TlsEvent.CLOSE_NOTIFY) < order.index(TlsEvent.READY):
        with pytest.raises(KeyError):
            run(*order)
    else:
        assert run(*order) is TlsState.FINISHED


def test_what_holds_in_a_state_follows_from_the_events() -> None:
    for count in range(len(DIRECTIONS) + 1):
        for events in itertools.permutations(DIRECTIONS, count):
            try:
                state = run(*events)
            except KeyError:
                continue
            assert state.ready == (TlsEvent.READY in events)
            assert state.writes == (TlsEvent.WRITE_EOF not in events)
            assert state.reads == (TlsEvent.CLOSE_NOTIFY not in events)


@pytest.mark.parametrize("state", list(TlsState))
def test_every_state_ends_for_good(state: TlsState) -> None:
    end = TRANSITIONS[state, TlsEvent.END]
    assert not end.reads
    assert not end.writes
    assert end.ready == state.ready
    assert [after for (before, _), after in TRANSITIONS.items() if before is end] == [end]


def test_no_two_states_are_one() -> None:
    """Equal values would make one member an alias of the other."""
    assert len(TlsState) == len(TlsState.__members__)
    assert set(TRANSITIONS.values()) | {TlsState.HANDSHAKE} == set(TlsState)
