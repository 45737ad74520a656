"""Who is logged in: control sessions by run id, and the uniqueness of client ids
(docs/protocol/server.md §2.2, §2.3)."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from aiofrp.errors import AuthError, ProxyError
from aiofrp.logs import short_id


class LoggedIn(Protocol):
    """A control session, as the table sees it."""

    @property
    def run_id(self) -> str: ...
    @property
    def user(self) -> str: ...
    @property
    def client_id(self) -> str:
        """As the client gave it; empty when it gave none."""

    @property
    def running(self) -> bool:
        """Whether its login is answered and it has not begun to close."""

    async def replaced_by(self, newcomer: LoggedIn) -> None:
        """Close everything: returns when ports and names are free."""


_S = TypeVar("_S", bound=LoggedIn)


class Sessions(Generic[_S]):
    """The live control sessions of one frps; one entry per logged-in client."""

    def __init__(self) -> None:
        self._by_run_id: dict[str, _S] = {}
        self._by_client: dict[tuple[str, str], _S] = {}  # by user and client id, of those that have one

    def __len__(self) -> int:
        return len(self._by_run_id)

    async def admit(self, session: _S) -> None:
        """Enter ``session``; one of the same client with the same run id is replaced and fully released first.

        Raises :class:`~aiofrp.errors.AuthError` when its client id is online elsewhere or its run id is another
        client's, and :class:`~aiofrp.errors.ProxyError` when a still newer login replaced this one meanwhile.
        """
        old = self._by_run_id.get(session.run_id)
        self._check_unique(session)
        if old is not None and _client(old) != _client(session):
            raise AuthError(
                f"run id [{short_id(session.run_id)}] is in use by a client with another user or client id"
            )
        self._by_run_id[session.run_id] = session
        if session.client_id:
            self._by_client[_client(session)] = session
        if old is not None:
            await old.replaced_by(session)
            if self._by_run_id.get(session.run_id) is not session:
                raise ProxyError("control was replaced during login")

    def leave(self, session: _S) -> None:
        """Take ``session`` out, unless it was replaced already."""
        if self._by_run_id.get(session.run_id) is session:
            del self._by_run_id[session.run_id]
        if self._by_client.get(_client(session)) is session:
            del self._by_client[_client(session)]

    def find(self, run_id: str) -> _S:
        """The running session of ``run_id``; raises :class:`~aiofrp.errors.ProxyError` with the reference's text, in
        which the run id is shortened, as both sides log it."""
        session = self._by_run_id.get(run_id)
        if session is None:
            raise no_session(run_id)
        if not session.running:
            raise ProxyError(f"client control for run id [{short_id(run_id)}] is no longer current")
        return session

    def all(self) -> list[_S]:
        """Every session, in order of login."""
        return list(self._by_run_id.values())

    def _check_unique(self, session: _S) -> None:
        other = self._by_client.get(_client(session))
        if other is not None and other.run_id != session.run_id:
            raise AuthError(f"client_id [{session.client_id}] for user [{session.user}] is already online")


def no_session(run_id: str) -> ProxyError:
    """What is told to whoever names a run id that is not his to use, with the reference's text."""
    return ProxyError(f"no client control found for run id [{short_id(run_id)}]")


def _client(session: LoggedIn) -> tuple[str, str]:
    return session.user, session.client_id
