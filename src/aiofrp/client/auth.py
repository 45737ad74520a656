"""The credentials that frpc sends: the token digest and its scopes (docs/protocol/wire.md §7)."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Protocol

from aiofrp.wire.frp.auth import token_digest
from aiofrp.wire.frp.messages import NewWorkConn, Ping


class Credentials(Protocol):
    """Makes the credential of each message that carries one."""

    async def login(self, timestamp: int) -> str:
        """The ``privilege_key`` of a Login. Raises :class:`~aiofrp.errors.AuthError`."""

    async def ping(self) -> Ping:
        """The next heartbeat. Raises :class:`~aiofrp.errors.AuthError`."""

    async def work_connection(self, run_id: str) -> NewWorkConn:
        """The first message of a work connection. Raises :class:`~aiofrp.errors.AuthError`."""


class InstantCredentials(ABC):
    """Credentials that are at hand. frpc calls the ``make_`` methods where awaiting would cost a task."""

    @abstractmethod
    async def login(self, timestamp: int) -> str:
        """As :meth:`Credentials.login`."""

    @abstractmethod
    def make_ping(self) -> Ping:
        """As :meth:`Credentials.ping`."""

    @abstractmethod
    def make_work_connection(self, run_id: str) -> NewWorkConn:
        """As :meth:`Credentials.work_connection`."""

    async def ping(self) -> Ping:
        return self.make_ping()

    async def work_connection(self, run_id: str) -> NewWorkConn:
        return self.make_work_connection(run_id)


class TokenCredentials(InstantCredentials):
    """The shared token.

    ``prove_work``: send its digest with every work connection, whatever the scopes. This is needed where the server
    cannot see from the carrier which client opened the connection; other servers ignore the digest.
    """

    def __init__(self, token: str, scopes: Collection[str], *, prove_work: bool = False) -> None:
        self._token = token
        self._heartbeats = "HeartBeats" in scopes
        self._work_connections = prove_work or "NewWorkConns" in scopes

    async def login(self, timestamp: int) -> str:
        return token_digest(self._token, timestamp)

    def make_ping(self) -> Ping:
        if not self._heartbeats:
            return Ping()
        now = int(time.time())
        return Ping(privilege_key=token_digest(self._token, now), timestamp=now)

    def make_work_connection(self, run_id: str) -> NewWorkConn:
        if not self._work_connections:
            return NewWorkConn(run_id=run_id)
        now = int(time.time())
        return NewWorkConn(run_id=run_id, privilege_key=token_digest(self._token, now), timestamp=now)
