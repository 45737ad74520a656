"""Which messages of a session carry a token, and whose."""

from __future__ import annotations

import pytest

from aiofrp.errors import AuthError
from aiofrp.server.oidc.verifier import OidcVerifier
from aiofrp.server.session.auth import HEARTBEATS, NEW_WORK_CONNS, InstantVerifier
from aiofrp.wire.frp.messages import Login, NewWorkConn, Ping


async def subject_of(token: str) -> str:
    if token == "bad":
        raise AuthError("oidc: malformed jwt")
    return token


async def test_a_login_needs_a_token_that_holds() -> None:
    with pytest.raises(AuthError, match="invalid OIDC token in login: oidc: malformed jwt"):
        await OidcVerifier(subject_of, ()).login(Login(privilege_key="bad"))


async def test_without_scopes_later_messages_are_accepted_in_the_same_call() -> None:
    session = await OidcVerifier(subject_of, ()).login(Login(privilege_key="me"))
    assert isinstance(session, InstantVerifier)
    session.check_ping(Ping())
    session.check_work_connection(NewWorkConn(privilege_key="bad"), required=True)


async def test_with_scopes_later_messages_need_a_token_of_the_same_subject() -> None:
    session = await OidcVerifier(subject_of, (HEARTBEATS, NEW_WORK_CONNS)).login(Login(privilege_key="me"))
    await session.ping(Ping(privilege_key="me"))
    await session.work_connection(NewWorkConn(privilege_key="me"))
    for message, verify in ((Ping, session.ping), (NewWorkConn, session.work_connection)):
        with pytest.raises(AuthError, match=r"different OIDC subject in login and ping\. new subject: you"):
            await verify(message(privilege_key="you"))  # type: ignore[arg-type]
        with pytest.raises(AuthError, match="invalid OIDC token in ping: oidc: malformed"):
            await verify(message(privilege_key="bad"))  # type: ignore[arg-type]


async def test_each_session_has_the_subject_of_its_own_login() -> None:
    verifier = OidcVerifier(subject_of, (HEARTBEATS,))
    one = await verifier.login(Login(privilege_key="me"))
    two = await verifier.login(Login(privilege_key="you"))
    await one.ping(Ping(privilege_key="me"))
    await two.ping(Ping(privilege_key="you"))
    with pytest.raises(AuthError):
        await one.ping(Ping(privilege_key="you"))


async def test_each_scope_is_for_its_message_alone() -> None:
    heartbeats = await OidcVerifier(subject_of, (HEARTBEATS,)).login(Login(privilege_key="me"))
    await heartbeats.work_connection(NewWorkConn())
    work = await OidcVerifier(subject_of, (NEW_WORK_CONNS,)).login(Login(privilege_key="me"))
    await work.ping(Ping())
    with pytest.raises(AuthError):
        await work.work_connection(NewWorkConn(privilege_key="you"))
