"""Who is logged in: control sessions by run id, and the uniqueness of client ids (spec: server §2.2, §2.3)."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from aiofrp.errors import AuthError, ProxyError


class LoggedIn(Protocol):
    """A control session, as the table sees it."""

    @property
    def run_id(self) -> str: ...
    @property
    def client_key(self) -> str:
        """The key of uniqueness, empty when the client gave no client id."""

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
        self._by_client: dict[str, _S] = {}

    def __len__(self) -> int:
        return len(self._by_run_id)

    async def admit(self, session: _S, client_id: str, user: str) -> None:
        """Enter ``session``; one with the same run id is replaced and fully released first.

        Raises :class:`~aiofrp.errors.AuthError` when its client id is online elsewhere, and
        :class:`~aiofrp.errors.ProxyError` when a still newer login replaced this one meanwhile.
        """
        self._check_unique(session, client_id, user)
        old = self._by_run_id.get(session.run_id)
        self._by_run_id[session.run_id] = session
        if session.client_key:
            self._by_client[session.client_key] = session
        if old is not None:
            await old.replaced_by(session)
            if self._by_run_id.get(session.run_id) is not session:
                raise ProxyError("control was replaced during login")

    def leave(self, session: _S) -> None:
        """Take ``session`` out, unless it was replaced already."""
        if self._by_run_id.get(session.run_id) is session:
            del self._by_run_id[session.run_id]
        if self._by_client.get(session.client_key) is session:
            del self._by_client[session.client_key]

    def find(self, run_id: str) -> _S:
        """The running session of ``run_id``; raises :class:`~aiofrp.errors.ProxyError` with the reference's text."""
        session = self._by_run_id.get(run_id)
        if session is None:
            raise ProxyError(f"no client control found for run id [{run_id}]")
        if not session.running:
            raise ProxyError(f"client control for run id [{run_id}] is no longer current")
        return session

    def all(self) -> list[_S]:
        """Every session, in order of login."""
        return list(self._by_run_id.values())

    def _check_unique(self, session: _S, client_id: str, user: str) -> None:
        other = self._by_client.get(session.client_key) if session.client_key else None
        if other is not None and other.run_id != session.run_id:
            raise AuthError(f"client_id [{client_id}] for user [{user}] is already online")
