"""Verifiers of tokens: of logins, and of what comes later in a session (docs/protocol/server.md §12)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import TypeAlias

from aiofrp.errors import AuthError
from aiofrp.server.session.auth import HEARTBEATS, NEW_WORK_CONNS, InstantVerifier, SessionVerifier
from aiofrp.wire.frp.messages import Login, NewWorkConn, Ping

#: The subject of a token; raises :class:`~aiofrp.errors.AuthError`.
SubjectOf: TypeAlias = Callable[[str], Awaitable[str]]


class OidcVerifier:
    """Verifies the tokens that clients log in with; ``subject_of`` verifies one and returns whose it is."""

    def __init__(self, subject_of: SubjectOf, scopes: Collection[str]) -> None:
        self._subject_of = subject_of
        self._scopes = frozenset(scopes)

    async def login(self, message: Login) -> SessionVerifier:
        """The verifier of this session: later tokens must have the subject of this one."""
        try:
            subject = await self._subject_of(message.privilege_key)
        except AuthError as exc:
            raise AuthError(f"invalid OIDC token in login: {exc}") from exc
        if self._scopes & {HEARTBEATS, NEW_WORK_CONNS}:
            return SubjectVerifier(self._subject_of, self._scopes, subject)
        return Trusting(subject)


class Trusting(InstantVerifier):
    """No message after the login carries a token."""

    def __init__(self, subject: str) -> None:
        self.subject = subject

    def check_ping(self, message: Ping) -> None:
        """Accept it."""

    def check_work_connection(self, message: NewWorkConn, *, required: bool = False) -> None:
        """Accept it; a token that is there is not read, and may have expired."""


class SubjectVerifier:
    """Demands tokens of one subject where the scopes say so."""

    def __init__(self, subject_of: SubjectOf, scopes: Collection[str], subject: str) -> None:
        self._subject_of = subject_of
        self._scopes = scopes
        self.subject = subject

    async def ping(self, message: Ping) -> None:
        """Verify the token of a heartbeat with :data:`HEARTBEATS`."""
        if HEARTBEATS in self._scopes:
            await self._verify(message.privilege_key)

    async def work_connection(self, message: NewWorkConn, *, required: bool = False) -> None:
        """Verify the token of a work connection with :data:`NEW_WORK_CONNS`."""
        if NEW_WORK_CONNS in self._scopes:
            await self._verify(message.privilege_key)

    async def _verify(self, token: str) -> None:
        try:
            subject = await self._subject_of(token)
        except AuthError as exc:
            raise AuthError(f"invalid OIDC token in ping: {exc}") from exc
        if subject != self.subject:
            raise AuthError(
                f"received different OIDC subject in login and ping. new subject: {subject[:200]}"
            )
