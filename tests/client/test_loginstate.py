"""The state of frpc's login."""

from __future__ import annotations

from aiofrp.client.loginstate import LoginState
from aiofrp.errors import Closed


def test_since_is_when_the_state_began_and_the_error_goes_with_a_login() -> None:
    now = 100.0
    state = LoginState(lambda: now)
    assert (state.state, state.since, state.error) == ("connecting", 100.0, "")
    now = 101.0
    state.failed(Closed("refused"))
    assert (state.state, state.since, state.error) == ("connecting", 100.0, "refused")
    now = 102.0
    state.connected()
    assert (state.state, state.since, state.error) == ("connected", 102.0, "")
    now = 103.0
    state.failed(Closed("lost"))
    state.stopped()
    assert (state.state, state.since, state.error) == ("stopped", 103.0, "lost")
