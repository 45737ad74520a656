"""What the token verifier lets in."""

from __future__ import annotations

import pytest

from aiofrp.errors import AuthError
from aiofrp.server.session.auth import HEARTBEATS, NEW_WORK_CONNS, TokenVerifier
from aiofrp.wire.frp.auth import token_digest
from aiofrp.wire.frp.messages import Login, NewWorkConn, Ping

NOW = 1_700_000_000


def login(token: str, timestamp: int = NOW) -> Login:
    return Login(privilege_key=token_digest(token, timestamp), timestamp=timestamp)


def test_the_right_token_logs_in_and_a_wrong_one_does_not() -> None:
    verifier = TokenVerifier("secret", ())
    verifier.check_login(login("secret"))
    with pytest.raises(AuthError, match="token in login doesn't match token from configuration"):
        verifier.check_login(login("other"))


def test_pings_and_work_connections_are_judged_only_in_their_scopes() -> None:
    lax = TokenVerifier("secret", ())
    lax.check_ping(Ping())
    lax.check_work_connection(NewWorkConn(run_id="r"))
    strict = TokenVerifier("secret", (HEARTBEATS, NEW_WORK_CONNS))
    with pytest.raises(AuthError, match="token in heartbeat doesn't match"):
        strict.check_ping(Ping())
    with pytest.raises(AuthError, match="token in NewWorkConn doesn't match"):
        strict.check_work_connection(NewWorkConn(run_id="r"))


@pytest.mark.parametrize(("age", "accepted"), [(0, True), (60, True), (61, False), (-61, False)])
def test_an_old_login_is_refused_when_an_age_is_set(age: int, accepted: bool) -> None:
    verifier = TokenVerifier("secret", (), max_age=60, clock=lambda: NOW + age)
    if accepted:
        verifier.check_login(login("secret"))
    else:
        with pytest.raises(AuthError, match="both clocks"):
            verifier.check_login(login("secret"))
    TokenVerifier("secret", (), max_age=0, clock=lambda: NOW + 10**6).check_login(login("secret"))
