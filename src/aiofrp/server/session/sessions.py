"""Who is logged in: control sessions by run id, and the uniqueness of client ids
(docs/protocol/server.md §2.2, §2.3)."""

from __future__ import annotations

from typing import Protocol

from aiofrp.errors import AuthError, ProxyError
from aiofrp.host.messages import Messages
from aiofrp.logs import Log, short_id
from aiofrp.server.hooks import ClientInfo
from aiofrp.server.session.admission import Arrival
from aiofrp.server.session.workpool import WorkPool
from aiofrp.wire.frp.codec import Codec
from aiofrp.wire.frp.messages import Login, NewWorkConn


class ControlSession(Protocol):
    """A control session, as the other parts of frps see it."""

    proxies_used: int  #: proxies that count for its limit
    routes_used: int  #: routes that count for its limit

    @property
    def login(self) -> Login:
        """The login it began with."""

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

    @property
    def codec(self) -> Codec:
        """The wire protocol of the client."""

    @property
    def key(self) -> bytes:
        """The key of encrypted work connections, 16 bytes."""

    @property
    def carrier(self) -> object | None:
        """The yamux session or QUIC connection the login came over, if it can be shared."""

    @property
    def pool(self) -> WorkPool:
        """Its work connections."""

    @property
    def log(self) -> Log:
        """A logger with the run id."""

    @property
    def message_log(self) -> Log:
        """The same, limited, for lines that the client's messages cause."""

    @property
    def user_log(self) -> Log:
        """The same, limited, for the line about each user of a proxy."""

    @property
    def messages(self) -> Messages:
        """Its control connection, for who sends or expects messages there."""

    @property
    def info(self) -> ClientInfo:
        """The session, as hooks see it."""

    def add_work_connection(self, arrival: Arrival, message: NewWorkConn) -> None:
        """Judge a work connection of this session, and grant or refuse it."""

    async def replaced_by(self, newer: ControlSession) -> None:
        """Close everything: returns when ports and names are free."""

    async def stop_proxies(self) -> None:
        """Accept no more users for any proxy of the client."""

    async def close(self) -> None:
        """End the session: returns when proxies are stopped and names and ports free."""


class Sessions:
    """The live control sessions of one frps; one entry per logged-in client."""

    def __init__(self) -> None:
        self._by_run_id: dict[str, ControlSession] = {}
        #: By user and client id, of those that have one.
        self._by_client: dict[tuple[str, str], ControlSession] = {}

    def __len__(self) -> int:
        return len(self._by_run_id)

    async def admit(self, session: ControlSession) -> None:
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

    def leave(self, session: ControlSession) -> None:
        """Take ``session`` out, unless it was replaced already."""
        if self._by_run_id.get(session.run_id) is session:
            del self._by_run_id[session.run_id]
        if self._by_client.get(_client(session)) is session:
            del self._by_client[_client(session)]

    def find(self, run_id: str) -> ControlSession:
        """The running session of ``run_id``; raises :class:`~aiofrp.errors.ProxyError` with the reference's text, in
        which the run id is shortened, as both sides log it."""
        session = self._by_run_id.get(run_id)
        if session is None:
            raise no_session(run_id)
        if not session.running:
            raise ProxyError(f"client control for run id [{short_id(run_id)}] is no longer current")
        return session

    def all(self) -> list[ControlSession]:
        """Every session, in order of login."""
        return list(self._by_run_id.values())

    def _check_unique(self, session: ControlSession) -> None:
        other = self._by_client.get(_client(session))
        if other is not None and other.run_id != session.run_id:
            raise AuthError(f"client_id [{session.client_id}] for user [{session.user}] is already online")


def no_session(run_id: str) -> ProxyError:
    """The refusal of a run id that does not belong to who names it, with the reference's text."""
    return ProxyError(f"no client control found for run id [{short_id(run_id)}]")


def _client(session: ControlSession) -> tuple[str, str]:
    return session.user, session.client_id
