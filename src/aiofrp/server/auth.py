"""Who may log in: the token digest and its scopes (spec: server §12)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from aiofrp.errors import AuthError
from aiofrp.wire.auth import matches, token_digest
from aiofrp.wire.messages import Login, NewWorkConn, Ping

#: Scope names of ``auth.additionalScopes``.
HEARTBEATS, NEW_WORK_CONNS = "HeartBeats", "NewWorkConns"


class Verifier(Protocol):
    """Judges the three messages that carry a credential; each raises :class:`~aiofrp.errors.AuthError`."""

    def check_login(self, message: Login) -> None: ...
    def check_ping(self, message: Ping) -> None: ...
    def check_work_connection(self, message: NewWorkConn) -> None: ...


class TokenVerifier:
    """The shared token."""

    def __init__(self, token: str, scopes: Collection[str]) -> None:
        self._token = token
        self._scopes = frozenset(scopes)

    def check_login(self, message: Login) -> None:
        self._check(message.privilege_key, message.timestamp, "login")

    def check_ping(self, message: Ping) -> None:
        if HEARTBEATS in self._scopes:
            self._check(message.privilege_key, message.timestamp, "heartbeat")

    def check_work_connection(self, message: NewWorkConn) -> None:
        if NEW_WORK_CONNS in self._scopes:
            self._check(message.privilege_key, message.timestamp, "NewWorkConn")

    def _check(self, key: str, timestamp: int, where: str) -> None:
        if not matches(key, token_digest(self._token, timestamp)):
            raise AuthError(f"token in {where} doesn't match token from configuration")
