"""The table of a QUIC connection's states."""

from __future__ import annotations

import pytest

from aiofrp.stream.quic.state import TRANSITIONS, QuicState


def test_states_are_passed_in_one_order_and_none_twice() -> None:
    order = list(QuicState)
    assert set(TRANSITIONS) == set(order)
    for state in order:
        following = [other for other in order if state.leads_to(other)]
        assert following == [other for other in order if order.index(other) > order.index(state)]


@pytest.mark.parametrize("state", [state for state in QuicState if state is not QuicState.OVER])
def test_every_state_ends(state: QuicState) -> None:
    assert state.leads_to(QuicState.OVER)
