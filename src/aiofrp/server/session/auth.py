"""Verifiers of credentials: the token digest and its scopes (docs/protocol/server.md §12)."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from typing import Protocol

from aiofrp.errors import AuthError
from aiofrp.wire.frp.auth import matches, token_digest
from aiofrp.wire.frp.messages import Login, NewWorkConn, Ping

#: Scope names of ``auth.additionalScopes``.
HEARTBEATS, NEW_WORK_CONNS = "HeartBeats", "NewWorkConns"


class Verifier(Protocol):
    """Verifies the credential that a client logs in with."""

    async def login(self, message: Login) -> SessionVerifier:
        """A client logs in; returns what verifies the later messages of this session. Raises
        :class:`~aiofrp.errors.AuthError` for a credential that does not hold."""


class SessionVerifier(Protocol):
    """Verifies the messages after a login that carry a credential; each method raises
    :class:`~aiofrp.errors.AuthError` for one that does not hold."""

    @property
    def subject(self) -> str:
        """Whose credential the login had; empty for the token, which all clients share."""

    async def ping(self, message: Ping) -> None:
        """A logged-in client is alive."""

    async def work_connection(self, message: NewWorkConn, *, required: bool = False) -> None:
        """A work connection comes. ``required``: its client has shown a credential with an earlier one."""


class InstantVerifier(ABC):
    """A session verifier that never waits. frps calls its ``check_`` methods where awaiting would cost a task."""

    subject: str = ""
    checks_work_connections: bool = False  #: whether each of them must show a credential

    @abstractmethod
    def check_ping(self, message: Ping) -> None:
        """As :meth:`SessionVerifier.ping`, in the same call."""

    @abstractmethod
    def check_work_connection(self, message: NewWorkConn, *, required: bool = False) -> None:
        """As :meth:`SessionVerifier.work_connection`, in the same call."""

    async def ping(self, message: Ping) -> None:
        """:meth:`check_ping` for those who await."""
        self.check_ping(message)

    async def work_connection(self, message: NewWorkConn, *, required: bool = False) -> None:
        """:meth:`check_work_connection` for those who await."""
        self.check_work_connection(message, required=required)


class TokenVerifier(InstantVerifier):
    """The shared token, of logins and in sessions.

    ``max_age``: seconds a login's timestamp may lie in the past or future, 0 for no limit
    (``auth.authenticationTimeout``); ``clock`` gives Unix seconds.
    """

    def __init__(
        self,
        token: str,
        scopes: Collection[str],
        max_age: float = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._token = token
        self._scopes = frozenset(scopes)
        self.checks_work_connections = NEW_WORK_CONNS in self._scopes
        self._max_age = max_age
        self._clock = clock

    async def login(self, message: Login) -> SessionVerifier:
        """:meth:`check_login`; the same verifier serves the session."""
        self.check_login(message)
        return self

    def check_login(self, message: Login) -> None:
        """Compare the digest, then the age of its timestamp. Raises :class:`~aiofrp.errors.AuthError`."""
        self._check(message.privilege_key, message.timestamp, "login")
        age = self._clock() - message.timestamp
        if 0 < self._max_age < abs(age):
            raise AuthError(
                f"the login's timestamp is {age:.0f} s old and authenticationTimeout allows {self._max_age:g} s: "
                "are both clocks right?"
            )

    def check_ping(self, message: Ping) -> None:
        """Compare the digest where the scopes have :data:`HEARTBEATS`."""
        if HEARTBEATS in self._scopes:
            self._check(message.privilege_key, message.timestamp, "heartbeat")

    def check_work_connection(self, message: NewWorkConn, *, required: bool = False) -> None:
        """Compare the digest where one is demanded by the scopes or ``required``, or is there."""
        if required or message.privilege_key or NEW_WORK_CONNS in self._scopes:
            self._check(message.privilege_key, message.timestamp, "NewWorkConn")

    def _check(self, key: str, timestamp: int, where: str) -> None:
        if not matches(key, token_digest(self._token, timestamp)):
            raise AuthError(f"token in {where} doesn't match token from configuration")


class Vouched(InstantVerifier):
    """The session of a client that has shown another credential than frp's, such as a key of SSH, to frps itself.

    ``subject`` says which: another credential cannot take the session's place.
    """

    def __init__(self, subject: str) -> None:
        self.subject = subject

    def check_ping(self, message: Ping) -> None:
        """Nothing is demanded."""

    def check_work_connection(self, message: NewWorkConn, *, required: bool = False) -> None:
        """Nothing is demanded: it comes from within frps."""
